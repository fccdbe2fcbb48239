import type { Operation, SandboxState } from '@tenon/vocabulary';
import type { Caller } from '../engine.ts';
import { TenonError } from '../errors.ts';
import { newId, newTraceId } from '../ids.ts';
import type { ActivationRecord, RunRecord, SandboxRecord, SandboxRequest } from '../records.ts';

export interface NewRun {
  readonly operation: Operation;
  readonly sandbox: Pick<SandboxRecord, 'id' | 'name' | 'workspace' | 'driver' | 'state'> | null;
  readonly request: SandboxRequest;
  readonly caller: Pick<Caller, 'actor' | 'requestId'>;
  readonly now: number;
  readonly force?: boolean;
  readonly reason?: string | null;
  readonly record?: ActivationRecord;
  readonly id?: string;
}

export function newRun(input: NewRun): RunRecord {
  return {
    id: input.id ?? newId(input.now),
    sandboxId: input.sandbox?.id ?? null,
    sandboxName: input.request.name,
    workspace: input.request.workspace,
    driver: input.request.driver,
    operation: input.operation,
    status: 'running',
    waitingFor: null,
    force: input.force ?? false,
    reason: input.reason ?? null,
    actor: input.caller.actor,
    requestId: input.caller.requestId,
    traceId: newTraceId(),
    startedAt: input.now,
    endedAt: null,
    firstError: null,
    cancelledBy: null,
    fromState: input.sandbox?.state ?? null,
    attemptCount: 0,
    steps: [],
    preview: input.record === undefined ? null : { request: input.request, record: input.record, pending: [] },
  };
}

/** States in which an operation may begin, and what the sandbox becomes at once. */
const BEGINS: Readonly<Partial<Record<Operation, { readonly from: readonly SandboxState[]; readonly becomes: SandboxState }>>> = {
  start: { from: ['stopped'], becomes: 'starting' },
  stop: { from: ['running', 'ready'], becomes: 'stopping' },
  delete: { from: ['running', 'ready', 'stopped', 'deleting', 'failed'], becomes: 'deleting' },
};

/** Which running operations another takes over (lifecycle design, section 6). */
const SUPERSEDES: Readonly<Partial<Record<Operation, readonly Operation[]>>> = {
  delete: ['create', 'start', 'stop', 'reconcile'],
  stop: ['start', 'reconcile'],
  start: ['reconcile'],
};

export type Decision = { readonly open: 'now' | 'supersede'; readonly state?: SandboxState } | { readonly existing: string; readonly force?: boolean };

/** What asking for an operation means while the sandbox is as it is: no queue, the same operation again is the run that is there. */
export function decideOpen(operation: Operation, force: boolean, sandbox: SandboxRecord, active: RunRecord | null): Decision {
  if (active !== null) {
    if (active.operation === operation) return { existing: active.id, ...(force ? { force: true } : {}) };
    if (active.cancelledBy === null && SUPERSEDES[operation]?.includes(active.operation)) return { open: 'supersede' };
    throw new TenonError('sandbox_busy', `${sandbox.name} is busy: its ${active.operation} is ${active.status}`, {
      sandboxId: sandbox.id,
      runId: active.id,
      hint: `Wait for run ${active.id}${operation === 'delete' ? '' : ', or delete the sandbox, which takes over from any run'}.`,
    });
  }
  const rule = BEGINS[operation];
  if (rule === undefined) return { open: 'now' };
  if (!rule.from.includes(sandbox.state)) {
    throw new TenonError('sandbox_state', `${sandbox.name} is ${sandbox.state}: ${operation} is possible from ${rule.from.join(', ')}`, {
      sandboxId: sandbox.id,
      hint: sandbox.state === 'failed' ? 'Delete it, then create it again.' : `Look at its last run to see why it is ${sandbox.state}.`,
    });
  }
  // A failed create has freed its name: its delete only hides it, and must not hold the name again.
  return sandbox.state === 'failed' ? { open: 'now' } : { open: 'now', state: rule.becomes };
}
