import type { JsonObject } from '../json.ts';
import type { JournalEntry } from '../ports/store.ts';
import type { EventRecord, RunRecord, SandboxRecord } from '../records.ts';

/** An event before the store gives it its place and time. */
export type NewEvent = Omit<EventRecord, 'id' | 'at'>;

/** Whose commit it is: goes onto every event, so that readers can be shown theirs only. */
export interface EventContext {
  readonly runId: string;
  readonly sandboxId: string | null;
  readonly workspace: string | null;
}

/**
 * The events that a commit tells, in its order. Data is small and says what moved (ids, states, outcomes), never what a plan, an
 * input or a message holds: readers fetch the object, which is judged by their rights.
 */
export function eventsOf(entries: readonly JournalEntry[], context: EventContext): NewEvent[] {
  const events: NewEvent[] = [];
  for (const entry of entries) {
    const event = eventOf(entry, context);
    if (event !== null) events.push(event);
  }
  return events;
}

function eventOf(entry: JournalEntry, context: EventContext): NewEvent | null {
  switch (entry.type) {
    case 'attempt': {
      const { id, kind, phase, extension, number, outcome } = entry.attempt;
      return { ...context, type: 'attempt', data: { id, kind, phase, extension, number, outcome } };
    }
    case 'effect': {
      const { id, sandboxId, kind, extension, phase, state } = entry.effect;
      return { ...context, sandboxId, type: 'effect', data: { id, kind, extension, phase, state } };
    }
    case 'sandbox':
      return { ...context, sandboxId: entry.sandboxId, type: 'sandbox', data: sandboxData(entry.sandboxId, entry.change) };
    case 'run':
      return { ...context, type: 'run', data: runData(context.runId, entry.change) };
    default:
      return null;
  }
}

/** The event of a sandbox that was opened or that an opening run moved. */
export function sandboxEvent(sandbox: SandboxRecord, runId: string): NewEvent {
  return {
    type: 'sandbox',
    sandboxId: sandbox.id,
    runId,
    workspace: sandbox.workspace,
    data: { ...sandboxData(sandbox.id, { state: sandbox.state }), name: sandbox.name },
  };
}

/** The event of a run that was opened, cancelled or found without its holder. */
export function runEvent(run: RunRecord): NewEvent {
  const { id, operation, status, waitingFor, cancelledBy } = run;
  return {
    type: 'run',
    sandboxId: run.sandboxId,
    runId: id,
    workspace: run.workspace,
    data: { id, operation, status, waitingFor, cancelledBy },
  };
}

function sandboxData(id: string, change: Extract<JournalEntry, { type: 'sandbox' }>['change']): JsonObject {
  const data: JsonObject = { id };
  if (change.state !== undefined) data.state = change.state;
  if (change.stateReason !== undefined) data.reason = change.stateReason?.code ?? null;
  if (change.blockedBy !== undefined) data.blockedBy = change.blockedBy === null ? null : { ...change.blockedBy };
  if (change.hidden !== undefined) data.hidden = change.hidden;
  return data;
}

function runData(id: string, change: Extract<JournalEntry, { type: 'run' }>['change']): JsonObject {
  const data: JsonObject = { id };
  if (change.status !== undefined) data.status = change.status;
  if (change.waitingFor !== undefined) data.waitingFor = change.waitingFor;
  if (change.force !== undefined) data.force = change.force;
  if (change.firstError) Object.assign(data, { code: change.firstError.code, extension: change.firstError.extension, phase: change.firstError.phase });
  return data;
}
