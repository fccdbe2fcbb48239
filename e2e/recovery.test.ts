import { setTimeout as sleep } from 'node:timers/promises';
import { listOf, RunSummaryView, type RunView, SandboxRunView, SandboxView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendAnswers, dockerAbsence } from './backends.ts';
import { problemIn } from './harness/client.ts';
import { containing } from './harness/containing.ts';
import { containersOf, type EngineState, engineState, onlyContainerOf, removeContainer } from './harness/docker.ts';
import { eventually } from './harness/eventually.ts';
import { type Behaviour, ExtensionServer, type HookCall } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/** The product ends anywhere, or what it runs ends without it: afterwards everything is settled, and nothing is left over. */

const LEASE_MS = 4_000;
const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'];
const PHASES = [
  'prepare_plan',
  'before_create',
  'after_create',
  'on_create_failed',
  'before_start',
  'on_start_failed',
  'after_ready',
  'after_exit',
  'before_stop',
  'after_stop',
  'before_delete',
  'after_delete',
];
const LIMITS = { leaseMs: LEASE_MS, leaseRenewMs: 1_000, fenceExtraMs: 1_000, retryBaseMs: 20, breakerFailures: 1_000 };

/** A product with one extension, `keeper`, which allocates in every phase that may and behaves as a test says. */
async function installation(
  drivers: string,
): Promise<{ readonly product: Product; readonly keeper: ExtensionServer; behave: (call: HookCall) => Behaviour | null }> {
  const product = await Product.start({ drivers, config: { limits: LIMITS } });
  const parts = { product, behave: (_call: HookCall): Behaviour | null => null };
  const keeper = await ExtensionServer.listen({
    manifest: {
      name: 'keeper',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: PHASES.map((phase) => ({ phase, deadlineMs: 5_000 })),
      effects: ['slot'],
    },
    allocatesIn: ['before_create', 'after_create', 'before_start', 'after_ready'],
    behave: (call) => parts.behave(call),
  });
  await product.api.register(keeper.manifest, keeper.transport);
  await product.api.activate({ extension: 'keeper' });
  return Object.assign(parts, { keeper });
}

describe.runIf(backendAnswers('docker', await dockerAbsence()))('on docker', () => {
  let tenon: Awaited<ReturnType<typeof installation>>;
  let before: EngineState;

  beforeAll(async () => {
    before = await engineState();
    tenon = await installation('docker');
  });

  afterAll(async () => {
    await tenon?.keeper.close();
    await tenon?.product.remove();
  });

  const body = (name: string, command = COMMAND) => ({ name, driver: 'docker', template: { image: 'busybox:1' }, command });

  /** Hangs in these phases of this sandbox, until told otherwise. */
  function hangIn(name: string, ...phases: readonly string[]): void {
    tenon.behave = (call) => (call.sandbox.name === name && phases.includes(call.phase) ? { does: 'hang' } : null);
  }

  const letGo = () => {
    tenon.behave = () => null;
  };

  /** The run, once the extension hangs in a phase of it. */
  async function reached(phase: string, name: string): Promise<HookCall> {
    return eventually(`${phase} of ${name} is called`, () => tenon.keeper.calls.find((call) => call.phase === phase && call.sandbox.name === name) ?? null);
  }

  async function powerCut(): Promise<void> {
    await tenon.product.kill();
    letGo();
    await tenon.product.start();
  }

  async function ended(runId: string, withinMs = 40_000): Promise<RunView> {
    return eventually(
      `run ${runId} is settled`,
      async () => {
        const run = await tenon.product.api.run(runId);
        return run.endedAt === null ? null : run;
      },
      withinMs,
    );
  }

  async function expectNothingLeft(sandboxId: string): Promise<void> {
    expect(await containersOf(sandboxId)).toEqual([]);
    await eventually(
      `every effect of ${sandboxId} is released`,
      async () => {
        const effects = await tenon.product.api.effects(`sandboxId=${sandboxId}`);
        return effects.every(({ state, nextRetryAt }) => state === 'released' && nextRetryAt === null) ? effects : null;
      },
      60_000,
    );
    expect(tenon.keeper.held(sandboxId)).toEqual([]);
  }

  async function ready(name: string, command = COMMAND): Promise<string> {
    const { sandbox } = await tenon.product.api.create(body(name, command));
    expect(sandbox.state).toBe('ready');
    return sandbox.id;
  }

  it.each(['prepare_plan', 'before_create', 'after_create', 'before_start', 'after_ready'])('a create that a power cut ends in %s is undone', async (phase) => {
    const name = `cut-${phase.replaceAll('_', '-')}`;
    hangIn(name, phase);
    const { sandbox, run } = await tenon.product.api.get(SandboxRunView, 'POST /sandboxes', { body: body(name) });
    await reached(phase, name);
    const made = ['after_create', 'before_start', 'after_ready'].includes(phase);
    expect(await containersOf(sandbox.id)).toHaveLength(made ? 1 : 0);
    await powerCut();
    const settled = await ended(run.id);
    expect(settled).toMatchObject({ operation: 'create', status: 'failed' });
    expect(settled.firstError).not.toBeNull();
    // Of a phase that makes nothing no intent is written: after a power cut in it nobody knows who was entered.
    const told = settled.attempts.filter((attempt) => attempt.phase === 'on_create_failed');
    if (phase !== 'prepare_plan') expect(told).toMatchObject([{ extension: 'keeper', outcome: 'ok' }]);
    expect(await tenon.product.api.sandbox(sandbox.id)).toMatchObject({ state: 'failed', owed: 0 });
    await expectNothingLeft(sandbox.id);
    if (phase !== 'prepare_plan') {
      // The call that was cut off was never answered: its release is a fence, and comes twice.
      const key = tenon.keeper.callsOf(sandbox.id, phase)[0]?.run.idempotencyKey;
      expect(tenon.keeper.releases.filter(({ idempotencyKey }) => idempotencyKey === key).length).toBeGreaterThanOrEqual(2);
    }
    const again = await ready(name);
    await tenon.product.api.delete(again);
    await expectNothingLeft(again);
  });

  it('creates that are cut at any moment are ready or undone, none is there twice', async () => {
    for (const afterMs of [60, 250, 600]) {
      const opened = await Promise.all(
        Array.from({ length: 6 }, (_, index) => tenon.product.api.get(SandboxRunView, 'POST /sandboxes', { body: body(`any-${afterMs}-${index}`) })),
      );
      await sleep(afterMs);
      await powerCut();
      for (const { sandbox, run } of opened) {
        const settled = await ended(run.id);
        const { state } = await tenon.product.api.sandbox(sandbox.id);
        expect([`${settled.status} ${state}`]).toEqual([expect.stringMatching(/^(succeeded ready|failed failed)$/)]);
        if (state === 'ready') {
          await onlyContainerOf(sandbox.id);
          await tenon.product.api.delete(sandbox.id);
        }
        await expectNothingLeft(sandbox.id);
      }
    }
  });

  it.each(['before_delete', 'after_delete'])('a delete that a power cut ends in %s is driven on to its end', async (phase) => {
    const name = `gone-${phase.replaceAll('_', '-')}`;
    const id = await ready(name);
    hangIn(name, phase);
    const { run } = await tenon.product.api.get(SandboxRunView, `DELETE /sandboxes/${id}?reason=the+journey+ends`);
    await reached(phase, name);
    await powerCut();
    expect(await ended(run.id)).toMatchObject({ operation: 'delete', status: 'succeeded' });
    expect(await tenon.product.api.sandbox(id)).toMatchObject({ state: 'deleted', owed: 0 });
    await expectNothingLeft(id);
  });

  it.each(['before_stop', 'after_stop'])('a stop that a power cut ends in %s is driven on to its end', async (phase) => {
    const name = `halt-${phase.replaceAll('_', '-')}`;
    const id = await ready(name);
    hangIn(name, phase);
    const { run } = await tenon.product.api.get(SandboxRunView, `POST /sandboxes/${id}/stop`);
    await reached(phase, name);
    await powerCut();
    expect(await ended(run.id)).toMatchObject({ operation: 'stop', status: 'succeeded' });
    expect(await tenon.product.api.sandbox(id)).toMatchObject({ state: 'stopped', owed: 0 });
    expect((await onlyContainerOf(id)).State.Status).toBe('exited');
    await tenon.product.api.delete(id);
    await expectNothingLeft(id);
  });

  it('a start that a power cut ends leaves the sandbox stopped, and what belongs to the start given back', async () => {
    const id = await ready('restart');
    await tenon.product.api.get(SandboxRunView, `POST /sandboxes/${id}/stop?wait=60s`);
    hangIn('restart', 'after_ready');
    const calls = tenon.keeper.callsOf(id, 'after_ready').length;
    const { run } = await tenon.product.api.get(SandboxRunView, `POST /sandboxes/${id}/start`);
    await eventually('after_ready is called', () => (tenon.keeper.callsOf(id, 'after_ready').length > calls ? true : null));
    await powerCut();
    expect(await ended(run.id)).toMatchObject({ operation: 'start', status: 'failed' });
    expect(await tenon.product.api.sandbox(id)).toMatchObject({ state: 'stopped' });
    expect(tenon.keeper.held(id)).toEqual([`slot ${id}/before_create`, `slot ${id}/after_create`]);
    await tenon.product.api.delete(id);
    await expectNothingLeft(id);
  });

  it('a run that has lost its holder can be resumed at once, no other can', async () => {
    const name = 'resumed';
    hangIn(name, 'after_create');
    const { sandbox, run } = await tenon.product.api.get(SandboxRunView, 'POST /sandboxes', { body: body(name) });
    await reached('after_create', name);
    expect(await tenon.product.api.problem(`POST /runs/${run.id}/resume`)).toMatchObject({ status: 409, code: 'run_not_resumable', runId: run.id });
    await powerCut();
    // Until the lease has expired it counts as in progress; afterwards the resume or the next round of the worker takes it, whichever comes first.
    const answer = await eventually('the run can be resumed, or was settled by the worker', async () => {
      const asked = await tenon.product.api.ask(`POST /runs/${run.id}/resume?wait=30s`);
      return asked.status !== 409 || (await tenon.product.api.run(run.id)).endedAt !== null ? asked : null;
    });
    if (answer.status !== 409) expect(problemIn(answer)).toMatchObject({ runId: run.id, detail: containing('stopped while this run was in progress') });
    expect(await ended(run.id)).toMatchObject({ status: 'failed' });
    expect(await tenon.product.api.problem(`POST /runs/${run.id}/resume`)).toMatchObject({ code: 'run_not_resumable', hint: 'It has ended.' });
    await expectNothingLeft(sandbox.id);
  });

  it('told to end while a create is under way, it ends with 0 and leaves the run resumable', async () => {
    const name = 'drained';
    hangIn(name, 'before_start');
    const { sandbox, run } = await tenon.product.api.get(SandboxRunView, 'POST /sandboxes', { body: body(name) });
    await reached('before_start', name);
    expect(await tenon.product.stop()).toBe(0);
    letGo();
    await tenon.product.start();
    await ended(run.id);
    expect(await tenon.product.api.sandbox(sandbox.id)).toMatchObject({ state: 'failed' });
    await expectNothingLeft(sandbox.id);
  });

  it('told to end while a create is nearly done, it waits for it', async () => {
    tenon.behave = (call) => (call.phase === 'before_start' ? { does: 'late', afterMs: 1_500 } : null);
    const { sandbox, run } = await tenon.product.api.get(SandboxRunView, 'POST /sandboxes', { body: body('in-time') });
    await reached('before_start', 'in-time');
    expect(await tenon.product.stop()).toBe(0);
    letGo();
    await tenon.product.start();
    expect(await tenon.product.api.run(run.id)).toMatchObject({ status: 'succeeded' });
    await tenon.product.api.delete(sandbox.id);
    await expectNothingLeft(sandbox.id);
  });

  it('a sandbox that is ready outlives the product', async () => {
    const id = await ready('survivor');
    const { Id } = await onlyContainerOf(id);
    await powerCut();
    expect(await tenon.product.api.sandbox(id)).toMatchObject({ state: 'ready' });
    expect((await onlyContainerOf(id)).Id).toBe(Id);
    await tenon.product.api.delete(id);
    await expectNothingLeft(id);
  });

  it('a container that somebody removed is seen: the extension is told, everything is released, the sandbox is deleted', async () => {
    const id = await ready('snatched');
    await removeContainer((await onlyContainerOf(id)).Id);
    const sandbox = await eventually('the sandbox is deleted', async () => {
      const seen = await tenon.product.api.sandbox(id);
      return seen.state === 'deleted' ? seen : null;
    });
    expect(sandbox).toMatchObject({ owed: 0, lastRun: { operation: 'reconcile', status: 'succeeded' } });
    expect(tenon.keeper.callsOf(id).map(({ phase }) => phase)).toEqual([
      'prepare_plan',
      'before_create',
      'after_create',
      'before_start',
      'after_ready',
      'after_exit',
      'after_delete',
    ]);
    await expectNothingLeft(id);
    expect((await tenon.product.api.get(listOf(SandboxView), 'GET /sandboxes?name=snatched')).items).toEqual([]);
  });

  it('a container that was removed while the product was down is seen as well', async () => {
    const id = await ready('snatched-unseen');
    const { Id } = await onlyContainerOf(id);
    await tenon.product.kill();
    await removeContainer(Id);
    await tenon.product.start();
    await eventually('the sandbox is deleted', async () => ((await tenon.product.api.sandbox(id)).state === 'deleted' ? true : null));
    await expectNothingLeft(id);
  });

  it('a command that ends by itself leaves the sandbox stopped with its exit code, and the extension is told', async () => {
    const id = await ready('short', ['sh', '-c', 'echo bye; sleep 2; exit 7']);
    const sandbox = await eventually('the sandbox is stopped', async () => {
      const seen = await tenon.product.api.sandbox(id);
      return seen.state === 'stopped' && seen.lastRun?.operation === 'reconcile' && seen.lastRun.status === 'succeeded' ? seen : null;
    });
    expect(sandbox.stateReason).toMatchObject({ code: 'exited', exitCode: 7 });
    expect(tenon.keeper.callsOf(id, 'after_exit')).toHaveLength(1);
    expect(tenon.keeper.held(id)).toEqual([`slot ${id}/before_create`, `slot ${id}/after_create`]);
    expect((await tenon.product.api.ask(`GET /sandboxes/${id}/logs?tail=10`)).text).toContain('bye');
    await tenon.product.api.delete(id);
    await expectNothingLeft(id);
  });

  it('a command that has ended before it could be ready: created, stopped, after_ready skipped, after_exit told', async () => {
    const answer = await tenon.product.api.ask('POST /sandboxes?wait=60s', { body: body('blink', ['sh', '-c', 'exit 3']) });
    expect([answer.status, SandboxRunView.parse(answer.data).run.status]).toEqual([201, 'succeeded']);
    const { sandbox } = SandboxRunView.parse(answer.data);
    const seen = await eventually('after_exit is told', async () =>
      tenon.keeper.callsOf(sandbox.id, 'after_exit').length > 0 ? tenon.product.api.sandbox(sandbox.id) : null,
    );
    expect(seen).toMatchObject({ state: 'stopped', stateReason: { code: 'exited', exitCode: 3 } });
    const runs = await tenon.product.api.get(listOf(RunSummaryView), `GET /runs?sandboxId=${sandbox.id}&operation=create`);
    const create = await tenon.product.api.run(runs.items[0]?.id ?? '');
    const told = create.attempts.filter(({ phase }) => phase === 'after_ready');
    if (tenon.keeper.callsOf(sandbox.id, 'after_ready').length === 0) expect(told).toMatchObject([{ outcome: 'skipped', reason: expect.stringMatching(/./) }]);
    await tenon.product.api.delete(sandbox.id);
    await expectNothingLeft(sandbox.id);
  });

  it('afterwards the Engine is as before, and nothing is owed', async () => {
    expect(await engineState()).toEqual(before);
    expect(await tenon.product.api.effects('state=owed,applied,intended')).toEqual([]);
    expect(tenon.keeper.faults).toEqual([]);
    expect(tenon.keeper.held()).toEqual([]);
  });
});

describe('on process', () => {
  let tenon: Awaited<ReturnType<typeof installation>>;

  beforeAll(async () => {
    tenon = await installation('process');
  });

  afterAll(async () => {
    await tenon?.keeper.close();
    await tenon?.product.remove();
  });

  const create = async (name: string, script: string): Promise<{ readonly id: string; readonly pid: number }> => {
    const { sandbox } = await tenon.product.api.create({ name, driver: 'process', command: ['sh', '-c', `echo pid=$$; ${script}`] });
    expect(sandbox.state).toBe('ready');
    const pid = await eventually('the command says its pid', async () => {
      const { text } = await tenon.product.api.ask(`GET /sandboxes/${sandbox.id}/logs?tail=10`);
      return /pid=(\d+)/.exec(text)?.[1] ?? null;
    });
    return { id: sandbox.id, pid: Number(pid) };
  };

  const lives = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      // Nobody has this pid: that is the answer.
      return false;
    }
  };

  it.each([
    ['stopped', 'stop'],
    ['killed', 'kill'],
  ] as const)('a sandbox is the same process after the product was %s and started again', async (_, end) => {
    const { id, pid } = await create(`lasting-${end}`, 'while :; do sleep 1; done');
    await tenon.product[end]();
    expect(lives(pid)).toBe(true);
    await tenon.product.start();
    expect(await tenon.product.api.sandbox(id)).toMatchObject({ state: 'ready' });
    expect(lives(pid)).toBe(true);
    expect((await tenon.product.api.ask(`GET /sandboxes/${id}/logs?tail=10`)).text.match(/pid=/g)).toHaveLength(1);
    await tenon.product.api.delete(id);
    await eventually('the process is gone', () => (lives(pid) ? null : true));
    expect(tenon.keeper.held(id)).toEqual([]);
  });

  it('an end that the product slept through is known with its exit code', async () => {
    const { id, pid } = await create('slept-through', 'trap "exit 5" USR1; while :; do sleep 0.1; done');
    await tenon.product.kill();
    process.kill(pid, 'SIGUSR1');
    await eventually('the process is gone', () => (lives(pid) ? null : true));
    await tenon.product.start();
    const sandbox = await eventually('the sandbox is stopped', async () => {
      const seen = await tenon.product.api.sandbox(id);
      return seen.state === 'stopped' && tenon.keeper.callsOf(id, 'after_exit').length > 0 ? seen : null;
    });
    expect(sandbox.stateReason).toMatchObject({ code: 'exited', exitCode: 5 });
    await tenon.product.api.delete(id);
    expect(tenon.keeper.held(id)).toEqual([]);
  });

  it('a create that a power cut ends is undone, and leaves no process', async () => {
    tenon.behave = (call) => (call.phase === 'after_ready' ? { does: 'hang', allocates: true } : null);
    const { sandbox, run } = await tenon.product.api.get(SandboxRunView, 'POST /sandboxes', {
      body: { name: 'cut', driver: 'process', command: ['sh', '-c', 'echo pid=$$; while :; do sleep 1; done'] },
    });
    await eventually('after_ready is called', () => (tenon.keeper.callsOf(sandbox.id, 'after_ready').length > 0 ? true : null));
    const pid = Number(/pid=(\d+)/.exec((await tenon.product.api.ask(`GET /sandboxes/${sandbox.id}/logs?tail=10`)).text)?.[1]);
    expect(lives(pid)).toBe(true);
    await tenon.product.kill();
    tenon.behave = () => null;
    await tenon.product.start();
    await eventually('the create is undone', async () => ((await tenon.product.api.run(run.id)).status === 'failed' ? true : null));
    expect(lives(pid)).toBe(false);
    expect(tenon.keeper.held(sandbox.id)).toEqual([]);
    expect(tenon.keeper.faults).toEqual([]);
  });
});
