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
    effects: {
      thing: {
        apply: async ({ key }) => {
          log.push(`apply ${key}`);
          return {};
        },
        release: async ({ key }) => {
          log.push(`release ${key}`);
        },
      },
    },
    hooks: Object.fromEntries(
      phases.map((phase) => [
        phase,
        {
          run: async (ctx: import('../context.ts').HookContext) => {
            log.push(phase);
            if (phase === 'before_start') await ctx.effects.ensure('thing', `start ${ctx.run.id}`, {});
          },
        },
      ]),
    ),
  });
}

const ALL: readonly Phase[] = ['before_start', 'on_start_failed', 'before_stop', 'after_stop', 'before_delete', 'after_delete'];

/** The product killed in a call of its driver, and another replica that takes up what was left. */
async function killedIn(call: 'start' | 'stop' | 'delete') {
  const log: string[] = [];
  const driver = fakeDriver();
  const bench = await openEngine({ driver, extensions: [recorder(log, ALL)] });
  await bench.activate('recorder');
  const { sandbox } = await bench.create();
  if (call === 'start') await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
  log.length = 0;
  driver.next(call, { kind: 'hang' });
  const opened =
    call === 'start'
      ? await bench.engine.startSandbox(sandbox.id, OPERATOR)
      : call === 'stop'
        ? await bench.engine.stopSandbox(sandbox.id, OPERATOR)
        : await bench.engine.deleteSandbox(sandbox.id, OPERATOR, PLAIN);
  await expect.poll(() => driver.calls.some((each) => each.call === call && each.outcome === 'pending')).toBe(true);
  await bench.engine.drain(0);
  const other = bench.another({ driver, extensions: [recorder(log, ALL)] });
  return { bench, other, log, driver, sandboxId: sandbox.id, runId: opened.run.id };
}

async function settled(other: Awaited<ReturnType<typeof killedIn>>['other'], runId: string): Promise<string | undefined> {
  await other.engine.recover();
  return (await other.store.getRun(runId))?.status;
}

describe('runs that lost their holder', () => {
  it('a create that was killed in its first hook tells whoever may have begun', async () => {
    const log: string[] = [];
    const hanging = (hang: boolean) =>
      defineExtension({
        name: 'early',
        revision: '1.0.0',
        description: '',
        activation: { mode: 'global' },
        hooks: {
          validate_request: { deadlineMs: 60_000, run: () => (hang ? new Promise<undefined>(() => log.push('began')) : undefined) },
          on_create_failed: {
            run: () => {
              log.push('told');
            },
          },
        },
      });
    const bench = await openEngine({ extensions: [hanging(true)] });
    await bench.activate('early');
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => log).toEqual(['began']);
    await bench.engine.drain(0);
    const other = bench.another({ extensions: [hanging(false)] });
    await expect.poll(() => settled(other, created.run.id)).toBe('failed');
    expect(log).toEqual(['began', 'told']);
  });

  it('an interrupted start is unwound: stopped again, its effects released', async () => {
    const { other, log, sandboxId, runId, driver } = await killedIn('start');
    await expect.poll(() => settled(other, runId)).toBe('failed');
    expect((await other.store.getSandbox(sandboxId))?.state).toBe('stopped');
    expect(log).toEqual(['before_start', `apply start ${runId}`, 'on_start_failed', `release start ${runId}`]);
    expect(driver.backend.workloads.get(sandboxId)?.state).not.toBe('running');
  });

  it('an interrupted stop is driven on to its end, and what had ended is not called again', async () => {
    const { other, log, sandboxId, runId } = await killedIn('stop');
    await expect.poll(() => settled(other, runId)).toBe('succeeded');
    expect((await other.store.getSandbox(sandboxId))?.state).toBe('stopped');
    expect(log.filter((line) => line === 'before_stop')).toHaveLength(1);
    expect(log.filter((line) => line === 'after_stop')).toHaveLength(1);
  });

  it('an interrupted delete is driven on to its end', async () => {
    const { other, log, sandboxId, runId, driver } = await killedIn('delete');
    await expect.poll(() => settled(other, runId)).toBe('succeeded');
    expect((await other.store.getSandbox(sandboxId))?.state).toBe('deleted');
    expect(log).toContain('after_delete');
    expect(driver.backend.workloads.size).toBe(0);
    expect((await other.effects(sandboxId)).every((row) => row.state === 'released')).toBe(true);
  });

  it('resume takes an interrupted run up at once, and refuses any other', async () => {
    const { other, bench, sandboxId, runId } = await killedIn('stop');
    await expect
      .poll(async () => {
        await bench.store.expiredRuns(10);
        return (await bench.store.getRun(runId))?.status;
      })
      .toBe('interrupted');
    await other.engine.resumeRun(runId, OPERATOR);
    await expect.poll(async () => (await other.store.getRun(runId))?.status).toBe('succeeded');
    await expect(other.engine.resumeRun(runId, OPERATOR)).rejects.toMatchObject({ code: 'run_not_resumable' });
    const created = await other.end(await other.engine.deleteSandbox(sandboxId, OPERATOR, PLAIN));
    await expect(other.engine.resumeRun(created.run.id, OPERATOR)).rejects.toMatchObject({ code: 'run_not_resumable' });
  });

  it('a holder that lost its lease stops and writes no more; the other settles the run once', async () => {
    const driver = fakeDriver();
    const bench = await openEngine({ driver, limits: { leaseRenewMs: 10_000, leaseMs: 60 } });
    let open: () => void = () => undefined;
    driver.next('start', {
      kind: 'gate',
      gate: new Promise<void>((resolve) => {
        open = resolve;
      }),
    });
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => driver.calls.some((call) => call.call === 'start')).toBe(true);
    const other = bench.another({ driver, limits: { leaseRenewMs: 50, leaseMs: 5_000 } });
    await expect.poll(() => settled(other, created.run.id)).toBe('failed');
    open();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await other.store.getSandbox(created.sandbox.id))?.state).toBe('failed');
    expect(driver.backend.workloads.get(created.sandbox.id)?.state).not.toBe('running');
  });

  it('a delete that waits for an interrupted create unwinds it itself and then has nothing to do', async () => {
    const driver = fakeDriver();
    const bench = await openEngine({ driver });
    driver.next('start', { kind: 'hang' });
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => driver.calls.some((call) => call.call === 'start')).toBe(true);
    await bench.engine.drain(0);
    const other = bench.another({ driver });
    const deleted = await other.end(await other.engine.deleteSandbox(created.sandbox.id, OPERATOR, PLAIN));
    expect(deleted.run.status).toBe('succeeded');
    expect(deleted.sandbox.state).toBe('deleted');
    expect((await other.store.getRun(created.run.id))?.firstError?.code).toBe('run_superseded');
  });

  it('a stop that supersedes a start finds its work done by the unwinding', async () => {
    const driver = fakeDriver();
    const bench = await openEngine({ driver });
    const { sandbox } = await bench.create();
    await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    driver.next('awaitReady', { kind: 'hang' });
    const started = await bench.engine.startSandbox(sandbox.id, OPERATOR);
    await expect.poll(() => driver.calls.filter((call) => call.call === 'awaitReady').length).toBe(2);
    const stopped = await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    expect(stopped.run.status).toBe('succeeded');
    expect(await bench.attempts(stopped.run.id)).toEqual([]);
    expect(stopped.sandbox.state).toBe('stopped');
    expect((await bench.store.getRun(started.run.id))?.firstError?.code).toBe('run_superseded');
  });
});
