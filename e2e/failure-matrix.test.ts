import { randomBytes } from 'node:crypto';
import { listOf, RunSummaryView, type RunView, SandboxRunView, WireHookRequest } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendAnswers, dockerAbsence } from './backends.ts';
import { problemIn, strictly } from './harness/client.ts';
import { containersOf, type EngineState, engineState, killContainer, onlyContainerOf } from './harness/docker.ts';
import { eventually } from './harness/eventually.ts';
import { type Behaviour, ExtensionServer, type HookCall } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/**
 * Four extensions of which the third goes wrong, in every way and in every phase, on a real Docker: what was made before it is undone, and
 * what the phase table says of the phase is what the run records.
 */

// Long enough for an extension that is well on a machine that is busy, short enough to wait for three times.
const DEADLINE_MS = 1_500;
const ORDER = ['first', 'second', 'third', 'fourth'] as const;
const ALLOCATES_IN = ['before_create', 'after_create', 'before_start', 'after_ready'];
const HOOKED = [
  'validate_request',
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
  'reconcile',
] as const;
const DENIES: readonly string[] = ['validate_request', 'prepare_plan', 'before_create', 'before_start', 'before_delete'];
type Hooked = (typeof HOOKED)[number];

/** Each way to go wrong, by what the extension does, and what is told of it. */
const WAYS = {
  fails: {
    behaviour: { does: 'answer', answer: { result: 'fail', code: 'broken', message: 'the pool is on fire' }, allocates: true },
    code: 'hook_failed',
    outcome: 'failed',
    attempts: 1,
  },
  denies: {
    behaviour: { does: 'answer', answer: { result: 'deny', code: 'not_you', message: 'not on a Tuesday' }, allocates: true },
    code: 'hook_denied',
    outcome: 'denied',
    attempts: 1,
  },
  hangs: { behaviour: { does: 'hang', allocates: true }, code: 'hook_timed_out', outcome: 'timed_out', attempts: 3 },
  garbage: { behaviour: { does: 'garbage', allocates: true }, code: 'hook_protocol_error', outcome: 'failed', attempts: 1 },
  /** Answers rightly, but when its time is long over: what it makes then has to meet the fence. */
  late: { behaviour: { does: 'late', afterMs: 2 * DEADLINE_MS }, code: 'hook_timed_out', outcome: 'timed_out', attempts: 3 },
  cuts: { behaviour: { does: 'cut', allocates: true }, code: 'extension_unavailable', outcome: 'failed', attempts: 3 },
} as const satisfies Record<string, { behaviour: Behaviour; code: string; outcome: string; attempts: number }>;
type Way = keyof typeof WAYS;
const ALL_WAYS = Object.keys(WAYS) as Way[];
const WAY_NAMES = ALL_WAYS.filter((way) => way !== 'late');

/** The workload ends by SIGTERM at once, so that stops take no time. */
const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'];

describe.runIf(backendAnswers('docker', await dockerAbsence()))('the third of four extensions', () => {
  let product: Product;
  let before: EngineState;
  const extensions: ExtensionServer[] = [];
  /** What goes wrong where, by the sandbox's name; `alsoFourth`: the fourth fails there first, so that a told phase is reached. */
  const plans = new Map<string, { readonly way: Way; readonly phase: Hooked; readonly alsoFourth?: Hooked }>();

  beforeAll(async () => {
    before = await engineState();
    product = await Product.start({
      drivers: 'docker',
      config: { limits: { retryBaseMs: 20, retryMaxMs: 50, breakerFailures: 10_000, fenceExtraMs: 1_000, debtRetryBaseMs: 500 } },
    });
    for (const [index, name] of ORDER.entries()) {
      const extension = await ExtensionServer.listen({
        manifest: {
          name,
          revision: '1.0.0',
          activation: { mode: 'global' },
          hooks: HOOKED.map((phase) => ({ phase, deadlineMs: DEADLINE_MS, ...(phase === 'after_ready' ? { onFailure: 'fail' } : {}) })),
          effects: ['slot'],
        },
        allocatesIn: ALLOCATES_IN,
        behave: (call) => behave(name, call),
      });
      extensions.push(extension);
      await product.api.register(extension.manifest, extension.transport);
      await product.api.activate({ extension: name, order: (index + 1) * 100 });
      const lenient = { scope: { workspaces: ['lenient'] }, failurePolicy: { after_ready: 'warn' } };
      await product.api.activate({ extension: name, order: (index + 1) * 100, ...lenient });
    }
  });

  afterAll(async () => {
    await Promise.all(extensions.map((extension) => extension.close()));
    await product?.remove();
  });

  function behave(name: string, call: HookCall): Behaviour | null {
    const plan = plans.get(call.sandbox.name);
    if (plan === undefined) return null;
    if (name === 'third' && call.phase === plan.phase) {
      const { behaviour } = WAYS[plan.way];
      return allocating(call.phase) || behaviour.does === 'late' ? behaviour : { ...behaviour, allocates: false };
    }
    if (name === 'fourth' && call.phase === plan.alsoFourth) return { does: 'answer', answer: { result: 'fail', message: 'the fourth fails' } };
    return null;
  }

  const allocating = (phase: string) => ALLOCATES_IN.includes(phase);

  function planned(way: Way, phase: Hooked, alsoFourth?: Hooked): { readonly name: string; readonly body: object } {
    const name = `m-${way}-${phase.replaceAll('_', '-')}-${randomBytes(2).toString('hex')}`;
    plans.set(name, { way, phase, ...(alsoFourth === undefined ? {} : { alsoFourth }) });
    return { name, body: { name, driver: 'docker', template: { image: 'busybox:1' }, command: COMMAND } };
  }

  /** A deny is a deny only where the phase table says so; elsewhere it counts as failed. */
  const codeOf = (way: Way, phase: Hooked) => (way === 'denies' && !DENIES.includes(phase) ? 'hook_failed' : WAYS[way].code);

  /** The attempts of the third's hook in one phase of a run. */
  const hooks = (run: RunView, phase: Hooked, extension = 'third') =>
    run.attempts.filter((attempt) => attempt.kind === 'hook' && attempt.extension === extension && attempt.phase === phase);

  /** The run's record of what went wrong: each try of it, and its code. */
  function expectRecorded(run: RunView, way: Way, phase: Hooked): void {
    const { attempts } = WAYS[way];
    const code = codeOf(way, phase);
    const outcome = code === 'hook_failed' ? 'failed' : WAYS[way].outcome;
    expect(
      hooks(run, phase).map((attempt) => [attempt.number, attempt.outcome, attempt.error?.code]),
      `attempts of the third in ${phase}`,
    ).toEqual(Array.from({ length: attempts }, (_, index) => [index + 1, outcome, code]));
  }

  /** Nothing stands of a sandbox: no container, no effect that is not released, nothing held by any extension. */
  async function expectNothingLeft(sandboxId: string): Promise<void> {
    expect(await containersOf(sandboxId)).toEqual([]);
    // Where an answer was lost the release comes a second time, after the fence.
    await eventually(`every effect of ${sandboxId} is released for good`, async () => {
      const effects = await product.api.effects(`sandboxId=${sandboxId}`);
      return effects.every(({ state, nextRetryAt }) => state === 'released' && nextRetryAt === null) ? effects : null;
    });
    for (const extension of extensions) expect(extension.held(sandboxId), `held by ${extension.name}`).toEqual([]);
  }

  async function ready(body: object): Promise<string> {
    const { sandbox } = await product.api.create(body);
    expect(sandbox.state).toBe('ready');
    return sandbox.id;
  }

  /** A delete that goes well leaves nothing. */
  async function deleteWhole(sandboxId: string): Promise<RunView> {
    const { sandbox, run } = await product.api.delete(sandboxId);
    expect([sandbox.state, run.status]).toEqual(['deleted', 'succeeded']);
    await expectNothingLeft(sandboxId);
    return run;
  }

  const startScoped = async (sandboxId: string) =>
    (await product.api.effects(`sandboxId=${sandboxId}&state=applied,intended,owed`)).filter(({ scope }) => scope === 'start');

  describe.each(['validate_request', 'prepare_plan', 'before_create', 'after_create', 'before_start', 'after_ready'] as const)('in %s of create', (phase) => {
    it.concurrent.each(ALL_WAYS)('%s: all is undone', async (way) => {
      const { name, body } = planned(way, phase);
      const problem = problemIn(await product.api.ask('POST /sandboxes?wait=120s', { body }));
      const code = codeOf(way, phase);
      expect(problem).toMatchObject({ code, extension: 'third', phase });
      if (way === 'fails' || way === 'denies') expect(problem.detail).toContain(WAYS[way].behaviour.answer.message);
      const run = await product.api.run(problem.runId ?? '');
      expect(run).toMatchObject({ operation: 'create', status: 'failed', firstError: { code, extension: 'third', phase } });
      expectRecorded(run, way, phase);
      // The fourth is never reached; who was entered is told.
      expect(hooks(run, phase, 'fourth').filter(({ outcome }) => outcome !== 'skipped')).toEqual([]);
      const told = run.attempts.filter((attempt) => attempt.phase === 'on_create_failed' && attempt.outcome === 'ok').map(({ extension }) => extension);
      expect(told).toEqual(phase === 'validate_request' ? ['third', 'second', 'first'] : ['fourth', 'third', 'second', 'first']);
      const sandboxId = problem.sandboxId ?? '';
      expect(await product.api.sandbox(sandboxId)).toMatchObject({ name, state: 'failed', owed: 0 });
      const undone = run.attempts.flatMap(({ compensates }) => run.effects.filter(({ id }) => id === compensates)).map(({ createdAt }) => createdAt);
      expect(undone, 'the newest first').toEqual([...undone].sort().reverse());
      await expectNothingLeft(sandboxId);
      // The name is free: the same request works once the extension does.
      plans.delete(name);
      await deleteWhole(await ready(body));
    });
  });

  describe.each([
    ['on_create_failed', 'after_create'],
    ['on_start_failed', 'before_start'],
  ] as const)('in %s, because the fourth fails in %s of create', (phase, alsoFourth) => {
    it.concurrent.each(WAY_NAMES)('%s: is recorded, and holds nothing up', async (way) => {
      const { body } = planned(way, phase, alsoFourth);
      const problem = problemIn(await product.api.ask('POST /sandboxes?wait=120s', { body }));
      expect(problem).toMatchObject({ code: 'hook_failed', extension: 'fourth', phase: alsoFourth });
      const run = await product.api.run(problem.runId ?? '');
      expect(run).toMatchObject({ status: 'failed', firstError: { extension: 'fourth', phase: alsoFourth } });
      expectRecorded(run, way, phase);
      for (const other of ['second', 'first']) expect(hooks(run, phase, other)).toMatchObject([{ outcome: 'ok' }]);
      await expectNothingLeft(problem.sandboxId ?? '');
    });
  });

  describe('in after_ready of create, where the activation lets it only warn', () => {
    it.concurrent.each(WAY_NAMES)('%s: the sandbox is ready, what the hook made is released', async (way) => {
      const { body } = planned(way, 'after_ready');
      const { sandbox, run } = await product.api.create({ ...body, workspace: 'lenient' });
      expect([sandbox.state, run.status, run.firstError]).toEqual(['ready', 'succeeded', null]);
      expectRecorded(run, way, 'after_ready');
      expect(hooks(run, 'after_ready', 'fourth')).toMatchObject([{ outcome: 'ok' }]);
      expect(extensions[2]?.held(sandbox.id)).not.toContain(`slot ${sandbox.id}/after_ready`);
      await deleteWhole(sandbox.id);
    });
  });

  describe.each(['before_stop', 'after_stop'] as const)('in %s', (phase) => {
    it.concurrent.each(WAY_NAMES)('%s: is recorded, and the sandbox stops', async (way) => {
      const { body } = planned(way, phase);
      const id = await ready(body);
      const { sandbox, run } = await product.api.get(SandboxRunView, `POST /sandboxes/${id}/stop?wait=60s`);
      expect([sandbox.state, run.status]).toEqual(['stopped', 'succeeded']);
      expectRecorded(run, way, phase);
      for (const other of ['fourth', 'second', 'first']) expect(hooks(run, phase, other)).toMatchObject([{ outcome: 'ok' }]);
      expect(await startScoped(id), 'what belongs to the start is given back').toEqual([]);
      await deleteWhole(id);
    });
  });

  describe.each(['before_start', 'after_ready'] as const)('in %s of a later start', (phase) => {
    it.concurrent.each(WAY_NAMES)('%s: the sandbox is stopped again', async (way) => {
      const { name, body } = planned(way, phase);
      plans.delete(name);
      const id = await ready(body);
      await product.api.get(SandboxRunView, `POST /sandboxes/${id}/stop?wait=60s`);
      plans.set(name, { way, phase });
      const problem = await product.api.problem(`POST /sandboxes/${id}/start?wait=60s`);
      expect(problem).toMatchObject({ code: codeOf(way, phase), extension: 'third', phase });
      const run = await product.api.run(problem.runId ?? '');
      expect(run).toMatchObject({ operation: 'start', status: 'failed' });
      expectRecorded(run, way, phase);
      for (const told of ORDER) expect(hooks(run, 'on_start_failed', told)).toHaveLength(phase === 'before_start' && told === 'fourth' ? 0 : 1);
      expect(run.attempts.filter((attempt) => attempt.phase === 'on_create_failed')).toEqual([]);
      expect(await product.api.sandbox(id)).toMatchObject({ state: 'stopped', owed: 0 });
      expect((await onlyContainerOf(id)).State.Status).toBe('exited');
      expect(await startScoped(id)).toEqual([]);
      // What belongs to the sandbox stays, and the next start goes well.
      expect(extensions[0]?.held(id)).toEqual([`slot ${id}/before_create`, `slot ${id}/after_create`]);
      plans.delete(name);
      const started = await product.api.get(SandboxRunView, `POST /sandboxes/${id}/start?wait=60s`);
      expect(started.sandbox.state).toBe('ready');
      await deleteWhole(id);
    });
  });

  describe('in before_delete', () => {
    it.concurrent.each(WAY_NAMES)('%s: only a deny holds the delete up, and force goes over it', async (way) => {
      const { body } = planned(way, 'before_delete');
      const id = await ready(body);
      if (way !== 'denies') {
        const run = await deleteWhole(id);
        expectRecorded(run, way, 'before_delete');
        return;
      }
      const problem = await product.api.problem(`DELETE /sandboxes/${id}?wait=60s&reason=tidy`);
      expect(problem).toMatchObject({ code: 'hook_denied', extension: 'third', phase: 'before_delete', hookCode: 'not_you' });
      expect(await product.api.sandbox(id)).toMatchObject({ state: 'ready' });
      expect((await onlyContainerOf(id)).State.Status).toBe('running');
      const forced = await product.api.get(SandboxRunView, `DELETE /sandboxes/${id}?wait=60s&force=true&reason=it+must+go`);
      expect([forced.sandbox.state, forced.run.status, forced.run.force]).toEqual(['deleted', 'succeeded', true]);
      expectRecorded(forced.run, way, 'before_delete');
      await expectNothingLeft(id);
    });
  });

  describe('in after_delete', () => {
    it.concurrent.each(WAY_NAMES)('%s: is recorded, and everything is released', async (way) => {
      const { body } = planned(way, 'after_delete');
      const run = await deleteWhole(await ready(body));
      expectRecorded(run, way, 'after_delete');
      for (const other of ['fourth', 'second', 'first']) expect(hooks(run, 'after_delete', other)).toMatchObject([{ outcome: 'ok' }]);
    });
  });

  describe('in after_exit', () => {
    it.concurrent.each(WAY_NAMES)('%s: is recorded, and what belongs to the start is released', async (way) => {
      const { body } = planned(way, 'after_exit');
      const id = await ready(body);
      await killContainer((await onlyContainerOf(id)).Id);
      const run = await eventually('the end of the workload is seen and dealt with', async () => endedRun(await runsOf(id, 'reconcile')));
      expect(run.status).toBe('succeeded');
      expectRecorded(run, way, 'after_exit');
      for (const other of ['fourth', 'second', 'first']) expect(hooks(run, 'after_exit', other)).toMatchObject([{ outcome: 'ok' }]);
      expect(await product.api.sandbox(id)).toMatchObject({ state: 'stopped', stateReason: { exitCode: 137 } });
      expect(await startScoped(id)).toEqual([]);
      await deleteWhole(id);
    });
  });

  async function runsOf(sandboxId: string, operation: string): Promise<RunSummaryView[]> {
    return (await product.api.get(listOf(RunSummaryView), `GET /runs?sandboxId=${sandboxId}&operation=${operation}`)).items;
  }

  const endedRun = (runs: readonly RunSummaryView[]): Promise<RunView> | null => {
    const ended = runs.find(({ endedAt }) => endedAt !== null);
    return ended === undefined ? null : product.api.run(ended.id);
  };

  it('in reconcile after a restart: every way is recorded, warned of, and the sandboxes stay as they are', async () => {
    const ids = new Map<Way, string>();
    for (const way of WAY_NAMES) ids.set(way, await ready(planned(way, 'reconcile').body));
    expect(await product.stop()).toBe(0);
    await product.start();
    for (const [way, id] of ids) {
      const run = await eventually(`the reconcile run of ${way}`, async () => endedRun(await runsOf(id, 'reconcile')));
      expect(run.status, way).toBe('succeeded');
      expectRecorded(run, way, 'reconcile');
      expect(hooks(run, 'reconcile', 'fourth')).toMatchObject([{ outcome: 'ok' }]);
      expect(await product.api.sandbox(id)).toMatchObject({ state: 'ready', owed: 0 });
    }
    for (const id of ids.values()) await deleteWhole(id);
  });

  it('afterwards all is as before: containers, networks, volumes, debts, and what the extensions hold', async () => {
    expect(await engineState()).toEqual(before);
    expect(await product.api.effects('state=owed,applied,intended')).toEqual([]);
    for (const extension of extensions) {
      expect(extension.held()).toEqual([]);
      expect(extension.faults).toEqual([]);
      for (const call of extension.calls) strictly(WireHookRequest, call);
    }
  });
});
