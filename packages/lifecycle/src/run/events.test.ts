import { describe, expect, it } from 'vitest';
import { storeScene } from '../../testing/index.ts';
import { eventsOf, runEvent, sandboxEvent } from './events.ts';

const { attempt, effect, revision, run, sandbox } = storeScene;

describe('events', () => {
  const box = sandbox();
  const create = run(box);
  const context = { runId: create.id, sandboxId: box.id, workspace: box.workspace };

  it('tell what moved, in order; steps, revisions and states tell nothing', () => {
    const error = { code: 'hook_denied', message: 'canary', extension: 'quota', phase: 'before_create', attemptId: null } as const;
    const events = eventsOf(
      [
        { type: 'step', step: { name: 'plan', state: 'done', at: 1 } },
        { type: 'attempt', attempt: attempt(create, 1, { id: 'a-1', message: 'canary' }) },
        { type: 'revision', revision: revision(create, 0) },
        { type: 'effect', effect: effect(create, 1, { id: 'e-1', key: 'canary', input: 'canary', handle: 'canary' }) },
        { type: 'extension_state', sandboxId: box.id, extension: 'network', value: { canary: 1 } },
        { type: 'sandbox', sandboxId: box.id, change: { state: 'stopped', stateReason: { code: 'exited', message: 'canary', exitCode: 3 }, blockedBy: null } },
        { type: 'sandbox', sandboxId: box.id, change: { blockedBy: { extension: 'network', phase: 'after_ready', since: 5 }, hidden: true } },
        { type: 'run', change: { status: 'failed', firstError: error } },
      ],
      context,
    );
    expect(events.map(({ type, data }) => [type, data])).toEqual([
      ['attempt', { id: 'a-1', kind: 'hook', phase: 'before_create', extension: 'network', number: 1, outcome: 'changed' }],
      ['effect', { id: 'e-1', kind: 'ip_lease', extension: 'network', phase: 'before_create', state: 'intended' }],
      ['sandbox', { id: box.id, state: 'stopped', reason: 'exited', blockedBy: null }],
      ['sandbox', { id: box.id, blockedBy: { extension: 'network', phase: 'after_ready', since: 5 }, hidden: true }],
      ['run', { id: create.id, status: 'failed', code: 'hook_denied', extension: 'quota', phase: 'before_create' }],
    ]);
    expect(JSON.stringify(events)).not.toContain('canary');
    for (const event of events) expect(event).toMatchObject(context);
  });

  it('tell of a sandbox and a run that were opened', () => {
    expect(sandboxEvent(box, create.id)).toEqual({ ...context, type: 'sandbox', data: { id: box.id, state: 'creating', name: box.name } });
    expect(runEvent(create)).toEqual({
      ...context,
      type: 'run',
      data: { id: create.id, operation: 'create', status: 'running', waitingFor: null, cancelledBy: null },
    });
  });
});
