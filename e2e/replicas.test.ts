import { ActivationView, ExtensionView, SandboxRunView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventStream } from './harness/event-stream.ts';
import { eventually } from './harness/eventually.ts';
import { type Behaviour, ExtensionServer, type HookCall } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/** Two processes of one installation: what one decides holds at the other, and what one leaves the other finishes. */

const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'];
let first: Product;
let second: Product;
let keeper: ExtensionServer;
let behave: (call: HookCall) => Behaviour | null = () => null;

beforeAll(async () => {
  first = await Product.start({
    drivers: 'process',
    config: { limits: { leaseMs: 4_000, leaseRenewMs: 1_000, retryBaseMs: 20, fenceExtraMs: 500, breakerFailures: 1_000, debtRetryBaseMs: 500 } },
  });
  second = await first.replica();
  keeper = await ExtensionServer.listen({
    manifest: {
      name: 'keeper',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: ['before_create', 'after_create', 'before_start', 'after_delete'].map((phase) => ({ phase, deadlineMs: 20_000 })),
      effects: ['slot'],
    },
    allocatesIn: ['before_create', 'after_create', 'before_start'],
    behave: (call) => behave(call),
  });
  await first.api.register(keeper.manifest, keeper.transport);
  await second.api.activate({ extension: 'keeper' });
});

afterAll(async () => {
  await keeper?.close();
  if (second?.runs) await second.stop();
  await first?.remove();
});

const body = (name: string) => ({ name, driver: 'process', command: COMMAND });

describe('two replicas', () => {
  it('see what the other did at once, in lists and in events', async () => {
    const stream = await EventStream.open(second.api);
    const { sandbox } = await first.api.create(body('seen'));
    expect(await second.api.sandbox(sandbox.id)).toMatchObject({ state: 'ready' });
    await eventually(
      'the other replica tells it',
      () => (stream.events.some(({ sandboxId, data }) => sandboxId === sandbox.id && data.state === 'ready') ? true : null),
      5_000,
    );
    stream.close();
    const stopped = await second.api.get(SandboxRunView, `POST /sandboxes/${sandbox.id}/stop?wait=30s`);
    expect(stopped.sandbox.state).toBe('stopped');
    expect((await first.api.delete(sandbox.id)).sandbox.state).toBe('deleted');
    expect(keeper.held()).toEqual([]);
  });

  it('make no name twice', async () => {
    const asked = Array.from({ length: 8 }, (_, index) =>
      [first, second].map((product) => product.api.ask('POST /sandboxes?wait=60s', { body: body(`twin-${index}`) })),
    );
    const answers = await Promise.all(asked.flat());
    const made = answers.filter(({ status }) => status === 201).map(({ data }) => SandboxRunView.parse(data).sandbox);
    expect(made.map(({ name }) => name).sort()).toEqual(Array.from({ length: 8 }, (_, index) => `twin-${index}`));
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(8);
    await Promise.all(made.map(({ id }, index) => (index % 2 === 0 ? first : second).api.delete(id)));
    expect(keeper.held()).toEqual([]);
  });

  it('never lose a race over an activation', async () => {
    const activation = await first.api.activate({ extension: 'attribution', scope: { workspaces: ['race'] } });
    const change = (product: Product, order: number) =>
      product.api.ask(`PATCH /activations/${activation.id}`, { body: { order, reason: 'a race' }, headers: { 'if-match': '"1"' } });
    const answers = await Promise.all([change(first, 1), change(second, 2), change(first, 3), change(second, 4)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
    const won = ActivationView.parse(answers.find(({ status }) => status === 200)?.data);
    expect(await second.api.get(ActivationView, `GET /activations/${activation.id}`)).toEqual(won);
  });

  it('obey a kill switch that was thrown at the other, also in the middle of a call', async () => {
    behave = ({ phase, sandbox }) => (phase === 'after_create' && sandbox.name === 'killed' ? { does: 'hang' } : null);
    const opened = await second.api.get(SandboxRunView, 'POST /sandboxes', { body: body('killed') });
    await eventually('after_create is called', () => (keeper.callsOf(opened.sandbox.id, 'after_create').length > 0 ? true : null));
    await first.api.get(ExtensionView, 'PUT /extensions/keeper/kill-switch', { body: { on: true, reason: 'it hangs' } });
    const run = await eventually(
      'the call is aborted',
      async () => {
        const seen = await first.api.run(opened.run.id);
        return seen.endedAt === null ? null : seen;
      },
      10_000,
    );
    expect(run.firstError).toMatchObject({ code: 'killed' });
    behave = () => null;
    await first.api.get(ExtensionView, 'PUT /extensions/keeper/kill-switch', { body: { on: false, reason: 'it is mended' } });
    await eventually('what it held is released', () => (keeper.held(opened.sandbox.id).length === 0 ? true : null));
  });

  it('finish what the other was killed over: a create is undone, a delete driven on, without a restart', async () => {
    const { sandbox: doomed } = await first.api.create(body('doomed'));
    behave = ({ phase, sandbox }) =>
      (phase === 'after_create' && sandbox.name === 'half-made') || (phase === 'after_delete' && sandbox.name === 'doomed') ? { does: 'hang' } : null;
    const half = await first.api.get(SandboxRunView, 'POST /sandboxes', { body: body('half-made') });
    const going = await first.api.get(SandboxRunView, `DELETE /sandboxes/${doomed.id}?reason=done`);
    await eventually('both hang', () =>
      keeper.callsOf(half.sandbox.id, 'after_create').length > 0 && keeper.callsOf(doomed.id, 'after_delete').length > 0 ? true : null,
    );
    await first.kill();
    behave = () => null;
    await eventually('the create is undone', async () => ((await second.api.run(half.run.id)).status === 'failed' ? true : null));
    await eventually('the delete is done', async () => ((await second.api.run(going.run.id)).status === 'succeeded' ? true : null));
    expect(await second.api.sandbox(half.sandbox.id)).toMatchObject({ state: 'failed', owed: 0 });
    expect(await second.api.sandbox(doomed.id)).toMatchObject({ state: 'deleted', owed: 0 });
    expect(keeper.held()).toEqual([]);
    await first.start();
    expect(await first.api.sandbox(doomed.id)).toMatchObject({ state: 'deleted' });
    expect(keeper.faults).toEqual([]);
  });
});
