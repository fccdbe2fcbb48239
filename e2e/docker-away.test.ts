import { setTimeout as sleep } from 'node:timers/promises';
import { DriverView, SandboxRunView } from '@tenon/contract';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { backendAnswers, dockerAbsence } from './backends.ts';
import { problemIn } from './harness/client.ts';
import { containersOf, type EngineState, engineState, onlyContainerOf } from './harness/docker.ts';
import { EngineLine } from './harness/engine-line.ts';
import { eventually } from './harness/eventually.ts';
import { type Behaviour, ExtensionServer, type HookCall } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/** The Engine goes away, or its answers get lost: nothing that a container may still use is given back, and nothing is there twice. */

const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'];

describe.runIf(backendAnswers('docker', await dockerAbsence()))('an Engine that goes away', () => {
  let product: Product;
  let line: EngineLine;
  let keeper: ExtensionServer;
  let before: EngineState;
  let behave: (call: HookCall) => Behaviour | null = () => null;

  beforeAll(async () => {
    before = await engineState();
    line = await EngineLine.lay();
    product = await Product.start({
      drivers: 'docker',
      env: { DOCKER_HOST: line.host },
      config: {
        limits: {
          retryBaseMs: 20,
          deleteBudgetMs: 5_000,
          stopBudgetMs: 5_000,
          unwindBudgetMs: 6_000,
          debtRetryBaseMs: 500,
          debtRetryMaxMs: 2_000,
          fenceExtraMs: 500,
        },
      },
    });
    keeper = await ExtensionServer.listen({
      manifest: {
        name: 'keeper',
        revision: '1.0.0',
        activation: { mode: 'global' },
        hooks: ['before_create', 'after_create', 'before_start', 'after_ready', 'after_exit', 'after_delete'].map((phase) => ({ phase, deadlineMs: 20_000 })),
        effects: ['slot'],
      },
      allocatesIn: ['before_create', 'before_start'],
      behave: (call) => behave(call),
    });
    await product.api.register(keeper.manifest, keeper.transport);
    await product.api.activate({ extension: 'keeper' });
  });

  afterAll(async () => {
    line?.mend();
    await keeper?.close();
    await product?.remove();
    await line?.close();
  });

  afterEach(() => {
    line.mend();
    behave = () => null;
  });

  const body = (name: string) => ({ name, driver: 'docker', template: { image: 'busybox:1' }, command: COMMAND });
  const ready = async (name: string): Promise<string> => (await product.api.create(body(name))).sandbox.id;
  const state = async (id: string) => (await product.api.sandbox(id)).state;

  async function expectNothingLeft(id: string): Promise<void> {
    await eventually(
      `nothing is left of ${id}`,
      async () => {
        const effects = await product.api.effects(`sandboxId=${id}`);
        const settled = effects.every(({ state: stands, nextRetryAt }) => stands === 'released' && nextRetryAt === null);
        return settled && (await containersOf(id)).length === 0 && keeper.held(id).length === 0 ? true : null;
      },
      60_000,
    );
  }

  it('takes no sandbox with it: who is ready stays ready, and nobody is told of an end', async () => {
    const id = await ready('stays');
    const { Id } = await onlyContainerOf(id);
    line.cut();
    const away = await eventually('the driver says so', async () => {
      const { health } = await product.api.get(DriverView, 'GET /drivers/docker');
      return health.state === 'healthy' ? null : health;
    });
    expect(away.detail).toMatch(/./);
    // Several rounds of reconciling, in which every container seems to be gone.
    await sleep(12_000);
    expect(await state(id)).toBe('ready');
    expect((await product.api.as(null).ask('GET //readyz')).status).toBe(200);
    line.mend();
    await eventually('the driver is back', async () => ((await product.api.get(DriverView, 'GET /drivers/docker')).health.state === 'healthy' ? true : null));
    await sleep(6_000);
    expect(await state(id)).toBe('ready');
    expect((await onlyContainerOf(id)).Id).toBe(Id);
    expect(keeper.callsOf(id).map(({ phase }) => phase)).toEqual(['before_create', 'after_create', 'before_start', 'after_ready']);
    await product.api.delete(id);
    await expectNothingLeft(id);
  });

  it('lets no create begin, and leaves nothing of it', async () => {
    line.cut();
    const problem = problemIn(await product.api.ask('POST /sandboxes?wait=60s', { body: body('too-late') }));
    expect(problem).toMatchObject({ status: 503, code: 'driver_unavailable' });
    line.mend();
    if (problem.sandboxId !== undefined) await expectNothingLeft(problem.sandboxId);
  });

  it('holds a delete up: what the container may use is kept until it is gone', async () => {
    const id = await ready('held-up');
    const held = keeper.held(id);
    line.cut();
    const problem = problemIn(await product.api.ask(`DELETE /sandboxes/${id}?wait=60s`));
    expect(['run_timed_out', 'driver_unavailable']).toContain(problem.code);
    expect(await state(id)).toBe('deleting');
    expect(keeper.held(id)).toEqual(held);
    expect(keeper.callsOf(id, 'after_delete')).toEqual([]);
    line.mend();
    await eventually('the delete is taken up again', async () => ((await state(id)) === 'deleted' ? true : null), 60_000);
    expect(keeper.callsOf(id, 'after_delete')).toHaveLength(1);
    await expectNothingLeft(id);
  });

  it('does not hold a forced delete up: the driver owes it, with what the container may use', async () => {
    const id = await ready('forced');
    const held = keeper.held(id);
    line.cut();
    const forced = await product.api.ask(`DELETE /sandboxes/${id}?wait=60s&force=true&reason=it+must+go`);
    expect(forced.status, forced.text).toBe(200);
    expect(SandboxRunView.parse(forced.data)).toMatchObject({ sandbox: { state: 'deleted' }, run: { operation: 'delete', force: true } });
    const owed = await product.api.effects(`sandboxId=${id}&state=owed`);
    expect(owed.map(({ kind, extension }) => [kind, extension])).toContainEqual(['driver_create', null]);
    expect(owed.filter(({ kind }) => kind === 'slot').length).toBeGreaterThan(0);
    expect(keeper.held(id)).toEqual(held);
    expect(await containersOf(id)).toHaveLength(1);
    line.mend();
    await expectNothingLeft(id);
    expect((await product.api.sandbox(id)).owed).toBe(0);
  });

  it('in the middle of a create: what cannot be undone is owed, and paid when it is back', async () => {
    behave = ({ phase, sandbox }) => {
      if (phase !== 'after_create' || sandbox.name !== 'half-way') return null;
      line.cut();
      return { does: 'answer', answer: { result: 'fail', message: 'and the line is cut' } };
    };
    const problem = problemIn(await product.api.ask('POST /sandboxes?wait=100s', { body: body('half-way') }));
    behave = () => null;
    expect(problem).toMatchObject({ code: 'hook_failed', extension: 'keeper', phase: 'after_create' });
    const id = problem.sandboxId ?? '';
    expect(await product.api.run(problem.runId ?? '')).toMatchObject({ status: 'failed_with_debt' });
    expect((await product.api.sandbox(id)).state).toBe('failed');
    expect(keeper.held(id), 'the container stands, so its slot does').toEqual([`slot ${id}/before_create`]);
    line.mend();
    await expectNothingLeft(id);
  });

  it.each([
    ['create', /^POST \/[^ ]*containers\/create/],
    ['start', /^POST \/[^ ]*\/start/],
  ])('whose answer to %s gets lost: the sandbox is there once, or not at all', async (what, request) => {
    const lost = line.lost;
    line.loseAnswerOf(request);
    const answer = await product.api.ask('POST /sandboxes?wait=100s', { body: body(`lost-${what}`) });
    expect(line.lost).toBe(lost + 1);
    if (answer.status === 201) {
      const { sandbox } = SandboxRunView.parse(answer.data);
      expect(sandbox.state).toBe('ready');
      expect((await onlyContainerOf(sandbox.id)).State.Status).toBe('running');
      await product.api.delete(sandbox.id);
      await expectNothingLeft(sandbox.id);
    } else await expectNothingLeft(problemIn(answer).sandboxId ?? '');
  });

  it('whose answer to a delete gets lost: it is gone all the same', async () => {
    const id = await ready('lost-delete');
    line.loseAnswerOf(/^DELETE \/[^ ]*containers\//);
    const answer = await product.api.ask(`DELETE /sandboxes/${id}?wait=60s`);
    if (answer.status !== 200) expect(problemIn(answer)).toMatchObject({ code: 'run_timed_out', sandboxId: id });
    await eventually('it is deleted', async () => ((await state(id)) === 'deleted' ? true : null));
    await expectNothingLeft(id);
  });

  it('afterwards the Engine is as before', async () => {
    expect(await engineState()).toEqual(before);
    expect(await product.api.effects('state=owed,applied,intended')).toEqual([]);
    expect(keeper.faults).toEqual([]);
  });
});
