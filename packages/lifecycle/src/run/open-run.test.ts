import { OPERATIONS, type Operation, SANDBOX_STATES, type SandboxState } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import type { RunRecord, SandboxRecord } from '../records.ts';
import { decideOpen } from './open-run.ts';

const sandbox = (state: SandboxState): SandboxRecord => ({ id: 's', name: 'demo', state }) as SandboxRecord;
const run = (operation: Operation, cancelledBy: string | null = null): RunRecord =>
  ({ id: `r-${operation}`, operation, status: 'running', cancelledBy }) as RunRecord;

function outcome(ask: Operation, active: Operation): string {
  try {
    const decision = decideOpen(ask, false, sandbox('creating'), run(active));
    return 'existing' in decision ? 'same run' : decision.open;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('asking for an operation while another is in progress', () => {
  it('the same one is the run that is there; delete supersedes all but delete; stop and start supersede reconcile, stop supersedes start; the rest is busy', () => {
    const asks = ['start', 'stop', 'delete'] as const;
    const table = Object.fromEntries(
      asks.map((ask) => [ask, Object.fromEntries(OPERATIONS.filter((each) => each !== 'preview').map((active) => [active, outcome(ask, active)]))]),
    );
    expect(table).toEqual({
      start: { create: 'sandbox_busy', start: 'same run', stop: 'sandbox_busy', delete: 'sandbox_busy', reconcile: 'supersede' },
      stop: { create: 'sandbox_busy', start: 'supersede', stop: 'same run', delete: 'sandbox_busy', reconcile: 'supersede' },
      delete: { create: 'supersede', start: 'supersede', stop: 'supersede', delete: 'same run', reconcile: 'supersede' },
    });
  });

  it('a forced delete sets the force flag of a plain one; busy names the run', () => {
    expect(decideOpen('delete', true, sandbox('deleting'), run('delete'))).toEqual({ existing: 'r-delete', force: true });
    expect(() => decideOpen('start', false, sandbox('stopping'), run('stop'))).toThrow(
      expect.objectContaining({ code: 'sandbox_busy', context: expect.objectContaining({ runId: 'r-stop' }) }),
    );
  });

  it('a run that is cancelled already is not superseded again', () => {
    expect(() => decideOpen('delete', false, sandbox('creating'), run('create', 'r-delete'))).toThrow(expect.objectContaining({ code: 'sandbox_busy' }));
  });
});

describe('asking for an operation in a state', () => {
  it('is possible where the table says, and sandbox_state elsewhere', () => {
    const possible = (ask: Operation) =>
      SANDBOX_STATES.filter((state) => {
        try {
          decideOpen(ask, false, sandbox(state), null);
          return true;
        } catch (error) {
          expect(error).toMatchObject({ code: 'sandbox_state' });
          return false;
        }
      });
    expect(possible('start')).toEqual(['stopped']);
    expect(possible('stop')).toEqual(['running', 'ready']);
    expect(possible('delete')).toEqual(['running', 'ready', 'stopped', 'deleting', 'failed']);
  });

  it('a failed sandbox does not take its name back when it is deleted', () => {
    expect(decideOpen('delete', false, sandbox('failed'), null)).toEqual({ open: 'now' });
    expect(decideOpen('delete', false, sandbox('ready'), null)).toEqual({ open: 'now', state: 'deleting' });
  });
});
