import type { Phase } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { anIncomingRequest, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import { defineExtension } from '../extension.ts';

const PLAIN = { force: false, reason: null } as const;

function recorder(log: string[], phases: readonly Phase[]) {
  return defineExtension({
    name: 'recorder',
    revision: '1.0.0',
    description: '',
    activation: { mode: 'global' },
    hooks: Object.fromEntries(
      phases.map((phase) => [
        phase,
        {
          run: () => {
            log.push(phase);
          },
        },
      ]),
    ),
  });
}

function gate() {
  let open: () => void = () => undefined;
  const until = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { until, open: () => open() };
}

describe('a run that takes a sandbox over', () => {
  it('waits for the run before it, is answered again when asked again, and calls no hook where the unwinding did its work', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [recorder(log, ['before_create', 'on_create_failed', 'before_delete', 'after_delete'])] });
    await bench.activate('recorder');
    const held = gate();
    bench.driver.next('start', { kind: 'hang' });
    // The unwinding takes its time, so that the delete can be seen waiting.
    bench.driver.next('delete', { kind: 'gate', gate: held.until });
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => bench.driver.calls.some((call) => call.call === 'start')).toBe(true);
    const asked = await bench.engine.deleteSandbox(created.sandbox.id, OPERATOR, PLAIN);
    expect(asked.run).toMatchObject({ operation: 'delete', status: 'waiting', waitingFor: 'run' });
    expect((await bench.engine.deleteSandbox(created.sandbox.id, OPERATOR, PLAIN)).run.id).toBe(asked.run.id);
    expect(await bench.store.getRun(created.run.id)).toMatchObject({ cancelledBy: asked.run.id });
    held.open();
    const deleted = await bench.end(asked);
    expect(deleted.run.status).toBe('succeeded');
    expect(deleted.sandbox.state).toBe('deleted');
    expect(log).toEqual(['before_create', 'on_create_failed']);
    expect(await bench.attempts(asked.run.id)).toEqual([]);
  });

  it('in another replica: the old holder sees the intent at its renewal, unwinds and ends as superseded', async () => {
    const log: string[] = [];
    const driver = fakeDriver();
    const extensions = [recorder(log, ['on_create_failed', 'before_delete'])];
    const bench = await openEngine({ driver, extensions });
    await bench.activate('recorder');
    driver.next('start', { kind: 'hang' });
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => driver.calls.some((call) => call.call === 'start')).toBe(true);
    const other = bench.another({ driver, extensions });
    const deleted = await other.end(await other.engine.deleteSandbox(created.sandbox.id, OPERATOR, PLAIN));
    expect(deleted.run.status).toBe('succeeded');
    const old = await bench.store.getRun(created.run.id);
    expect(old).toMatchObject({ status: 'failed', firstError: { code: 'run_superseded' } });
    // It was unwound by whom it belonged to, which never lost its lease.
    expect(driver.backend.workloads.size).toBe(0);
    expect((await bench.effects(created.sandbox.id)).every((row) => row.state === 'released')).toBe(true);
  });

  it('a stop stops where it is: the delete that follows finds the sandbox as the driver reports it', async () => {
    const log: string[] = [];
    const bench = await openEngine({ extensions: [recorder(log, ['before_stop', 'after_stop', 'before_delete', 'after_delete'])] });
    await bench.activate('recorder');
    const { sandbox } = await bench.create();
    bench.driver.next('stop', { kind: 'hang' });
    const stopping = await bench.engine.stopSandbox(sandbox.id, OPERATOR);
    await expect.poll(() => bench.driver.calls.some((call) => call.call === 'stop')).toBe(true);
    const deleted = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, PLAIN));
    expect(deleted.sandbox.state).toBe('deleted');
    expect(await bench.store.getRun(stopping.run.id)).toMatchObject({ status: 'failed', firstError: { code: 'run_superseded' } });
    // Nothing of the stop was told or given back as stopped; the delete runs its own hooks.
    expect(log).toEqual(['before_stop', 'before_delete', 'after_delete']);
    expect((await bench.effects(sandbox.id)).every((row) => row.state === 'released')).toBe(true);
  });

  it('a stop takes a reconcile over, and what was found is found again', async () => {
    const log: string[] = [];
    const held = gate();
    const slow = defineExtension({
      name: 'slow',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        after_ready: {
          deadlineMs: 20_000,
          run: async (ctx) => {
            if (ctx.run.operation !== 'reconcile') return;
            log.push('looking');
            await Promise.race([held.until, new Promise<void>((resolve) => ctx.signal.addEventListener('abort', () => resolve()))]);
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [slow] });
    await bench.activate('slow');
    const { sandbox } = await bench.create();
    bench.driver.backend.replace(sandbox.id);
    await expect.poll(() => log).toEqual(['looking']);
    const stopped = await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    expect(stopped.run.status).toBe('succeeded');
    expect(stopped.sandbox.state).toBe('stopped');
    const runs = (await bench.store.listRuns({ visible: null, sandboxId: sandbox.id, operation: ['reconcile'] }, { limit: 5 })).items;
    expect(runs).toMatchObject([{ status: 'failed', firstError: { code: 'run_superseded' } }]);
  });

  it('a forced delete sets the force flag of a plain one that is running', async () => {
    const bench = await openEngine({ limits: { deleteBudgetMs: 2_000 } });
    const { sandbox } = await bench.create();
    bench.driver.always('delete', { kind: 'hang' });
    const plain = await bench.engine.deleteSandbox(sandbox.id, OPERATOR, PLAIN);
    const forced = await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: true, reason: 'the node is gone' });
    expect(forced.run.id).toBe(plain.run.id);
    const ended = await bench.end(forced);
    expect(ended.sandbox.state).toBe('deleted');
    expect((await bench.effects(sandbox.id)).find((row) => row.kind === 'driver_create')?.state).toBe('owed');
    await expect(bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: true, reason: ' ' })).rejects.toMatchObject({ code: 'validation_failed' });
  });
});
