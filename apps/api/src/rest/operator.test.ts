import { AuditView, EffectView, ExtensionView, listOf, MatrixView, RunView } from '@tenon/contract';
import { OK, scriptedTransport } from '@tenon/lifecycle/testing';
import { PHASE_NAMES } from '@tenon/vocabulary';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi, serveApi } from '../../testing/api-bench.ts';

const MANIFEST = {
  contract: 'tenon.dev/extension/v1',
  name: 'slots',
  revision: '1.0.0',
  description: 'takes a slot',
  activation: { mode: 'global' },
  hooks: [{ phase: 'before_create' }],
  effects: ['slot'],
};
const TRANSPORT = { kind: 'http', url: 'http://127.0.0.1:9', secret: 'transport-canary-7d' };
const SANDBOX = { driver: 'docker', template: { image: 'busybox:1' }, command: ['print', 'hello from inside'] };

/** What an operator does with extensions and debts, over REST alone; and what the audit says of it afterwards. */
describe('an operator’s work over REST', () => {
  let api: ApiBench;
  let stuck = true;
  beforeAll(async () => {
    const transport = scriptedTransport({
      slots: {
        hook: () => ({ ...OK, effects: [{ kind: 'slot', key: 's', handle: { n: 1 }, scope: null }] }),
        release: ({ effects }) =>
          stuck
            ? { released: [], failed: effects.map(({ key }) => ({ key, message: 'still mounted' })) }
            : { released: effects.map(({ key }) => key), failed: [] },
      },
    });
    api = await openApi({ transports: { http: transport }, limits: { debtRetryBaseMs: 3_600_000, debtRetryMaxMs: 3_600_000 } });
  });
  afterAll(() => api.close());

  const auditOf = async (action: string) => listOf(AuditView).parse((await api.ask(`GET /audit?action=${action}`)).data).items;
  const owed = async () => listOf(EffectView).parse((await api.ask('GET /effects?state=owed')).data).items;
  const deletedWithDebt = async (name: string) => {
    const created = await api.ask('POST /sandboxes?wait=10s', { body: { ...SANDBOX, name } });
    expect(created.statusCode, created.body).toBe(201);
    const gone = await api.ask(`DELETE /sandboxes/${created.data.sandbox.id}?wait=10s`);
    expect(gone.data.sandbox).toMatchObject({ state: 'deleted', owed: 1 });
    return created.data.sandbox.id as string;
  };

  it('registers an extension and adds a revision; a secret is never shown again', async () => {
    const created = await api.ask('POST /extensions', { body: { manifest: MANIFEST, transport: TRANSPORT } });
    expect(created.statusCode, created.body).toBe(201);
    expect(created.headers.location).toBe('/api/v1/extensions/slots');
    expect(ExtensionView.parse(created.data)).toMatchObject({
      name: 'slots',
      latest: '1.0.0',
      source: 'registered',
      breaker: 'closed',
      killSwitch: { on: false },
      activations: 0,
      owed: 0,
      revisions: [{ revision: '1.0.0', transport: { kind: 'http', url: 'http://127.0.0.1:9' } }],
    });
    const second = await api.ask('POST /extensions/slots/revisions', { body: { manifest: { ...MANIFEST, revision: '1.1.0' }, transport: TRANSPORT } });
    expect(second.data.latest).toBe('1.1.0');
    expect((await api.ask('GET /extensions/slots/revisions')).data.items.map(({ revision }: { revision: string }) => revision)).toEqual(
      expect.arrayContaining(['1.0.0', '1.1.0']),
    );
    for (const path of ['/extensions', '/extensions/slots', '/extensions/slots/revisions', '/audit']) {
      expect((await api.ask(`GET ${path}`)).body, path).not.toContain('transport-canary-7d');
    }
    expect(await auditOf('extension.register')).toMatchObject([{ outcome: 'done', actor: 'root', object: { kind: 'extension', name: 'slots' } }]);
    expect(await auditOf('extension.add_revision')).toMatchObject([{ outcome: 'done', before: { latest: '1.0.0' }, after: { latest: '1.1.0' } }]);
  });

  it('lists what is owed, tries it again, and gives it up only with a reason', async () => {
    const activation = await api.ask('POST /activations', { body: { extension: 'slots', mode: 'enforce', reason: 'slots for all' } });
    expect(activation.statusCode, activation.body).toBe(201);
    const first = await deletedWithDebt('first');
    const second = await deletedWithDebt('second');
    const debts = await owed();
    expect(debts.map(({ sandboxId }) => sandboxId).sort()).toEqual([first, second].sort());
    expect(debts[0]).toMatchObject({ kind: 'slot', key: 's', extension: 'slots', lastError: { message: 'still mounted' }, nextRetryAt: expect.any(String) });
    expect((await api.ask('GET /extensions/slots')).data.owed).toBe(2);

    const [one, two] = [first, second].map((id) => debts.find(({ sandboxId }) => sandboxId === id)?.id);
    expect((await api.ask(`POST /effects/${one}/retry`)).data).toMatchObject({ state: 'owed', attempts: 2 });
    stuck = false;
    expect(EffectView.parse((await api.ask(`POST /effects/${one}/retry`)).data)).toMatchObject({ state: 'released' });
    expect((await api.ask(`POST /effects/${two}/waive`, { body: { reason: '' } })).data).toMatchObject({ code: 'validation_failed', pointer: '/reason' });
    expect((await api.ask(`POST /effects/${two}/waive`, { body: { reason: 'removed by hand' } })).data).toMatchObject({ state: 'waived' });
    expect(await owed()).toEqual([]);
    expect(await auditOf('effect.waive')).toMatchObject([{ outcome: 'done', reason: 'removed by hand', after: { state: 'waived' } }]);
    expect((await auditOf('effect.retry')).map(({ outcome }) => outcome)).toEqual(['done', 'done']);
    stuck = true;
  });

  it('keeps debts of other workspaces from a limited token', async () => {
    const id = await deletedWithDebt('third');
    const limited = await api.token({ name: 'lars', role: 'operator', workspaces: ['team-a'] });
    const [effect] = (await owed()).filter(({ sandboxId }) => sandboxId === id);
    expect((await api.ask('GET /effects?state=owed', { as: limited })).data.items).toEqual([]);
    for (const what of [`GET /effects/${effect?.id}`, `POST /effects/${effect?.id}/retry`]) {
      expect((await api.ask(what, { as: limited })).data, what).toMatchObject({ code: 'not_found' });
    }
    expect((await api.ask('GET /audit', { as: limited })).data.items.every(({ workspace }: { workspace: string }) => workspace === 'team-a')).toBe(true);
  });

  it('stops every call of an extension at once, and says why it was refused', async () => {
    const on = await api.ask('PUT /extensions/slots/kill-switch', { body: { on: true, reason: 'it leaks' } });
    expect(ExtensionView.parse(on.data).killSwitch).toMatchObject({ on: true, reason: 'it leaks', actor: 'root' });
    expect((await api.ask('POST /sandboxes', { body: { ...SANDBOX, name: 'stopped' } })).data).toMatchObject({
      status: 503,
      code: 'killed',
      extension: 'slots',
    });
    // What the kill switch refuses is a refusal like any other, whatever its status.
    expect((await auditOf('sandbox.create')).filter(({ outcome }) => outcome === 'refused')).toMatchObject([
      { object: { kind: 'sandbox', name: 'stopped' }, reason: expect.stringContaining('killed') },
    ]);
    const limited = await api.token({ name: 'lea', role: 'operator', workspaces: ['team-a'] });
    expect((await api.ask('PUT /extensions/slots/kill-switch', { as: limited, body: { on: false, reason: 'x' } })).data).toMatchObject({ code: 'forbidden' });
    await api.ask('PUT /extensions/slots/kill-switch', { body: { on: false, reason: 'mended' } });
    // Records of one millisecond may come in any order.
    const switched = await auditOf('extension.kill_switch');
    expect(switched).toHaveLength(3);
    expect(switched.find(({ reason }) => reason === 'it leaks')).toMatchObject({ outcome: 'done', before: { on: false }, after: { on: true } });
    expect(switched.find(({ reason }) => reason === 'mended')).toMatchObject({ outcome: 'done', before: { on: true }, after: { on: false } });
    expect(switched.find(({ actor }) => actor === 'lea')).toMatchObject({ outcome: 'refused' });
  });

  it('unregisters only what nothing needs, unless forced with a reason', async () => {
    const refused = await api.ask('DELETE /extensions/slots');
    expect(refused.data).toMatchObject({ status: 409, code: 'extension_in_use' });
    expect(refused.data.detail).toContain('1 activation');
    expect((await api.ask('DELETE /extensions/slots?force=true')).data).toMatchObject({ code: 'validation_failed' });
    expect((await api.ask('DELETE /extensions/slots?force=true&reason=the%20vendor%20left')).statusCode).toBe(204);
    expect((await api.ask('GET /activations')).data.items).toEqual([]);
    const removals = await auditOf('extension.remove');
    expect(removals.filter(({ outcome }) => outcome === 'done')).toMatchObject([{ reason: 'the vendor left', after: { forced: true } }]);
    expect(removals.flatMap(({ outcome, reason }) => (outcome === 'refused' ? [reason?.split(':')[0]] : [])).sort()).toEqual([
      'extension_in_use',
      'validation_failed',
    ]);
  });

  it('shows the log of a workload, and the end of it', async () => {
    const { sandbox } = (await api.ask('POST /sandboxes?wait=10s', { body: { ...SANDBOX, name: 'talks' } })).data;
    const logs = await api.ask(`GET /sandboxes/${sandbox.id}/logs`);
    expect([logs.statusCode, logs.body.trim()]).toEqual([200, 'hello from inside']);
    expect((await api.ask(`GET /sandboxes/${sandbox.id}/logs?tail=1`)).body.trim()).toBe('hello from inside');
    for (const tail of ['0', 'x', '10001']) {
      expect((await api.ask(`GET /sandboxes/${sandbox.id}/logs?tail=${tail}`)).data, tail).toMatchObject({ code: 'validation_failed', pointer: '/tail' });
    }
    expect((await api.ask('GET /sandboxes/nope/logs')).data).toMatchObject({ code: 'not_found' });
  });

  it('has the drivers’ own rows in the matrix where no extension is asked for', async () => {
    const { cells } = MatrixView.parse((await api.ask('GET /capability-matrix?driver=docker')).data);
    const own = cells.filter((cell) => cell.extension === null);
    expect(own.filter((cell) => cell.kind === 'phase').map((cell) => cell.name)).toEqual([...PHASE_NAMES]);
    for (const cell of own) expect(cell.reason.length, cell.name).toBeGreaterThan(0);
    expect(own.find((cell) => cell.name === 'before_restore')?.state).not.toBe('supported');
  });

  it('resumes an interrupted run at once', async () => {
    api.driver.next('stop', { kind: 'hang' });
    const { sandbox } = (await api.ask('POST /sandboxes?wait=10s', { body: { ...SANDBOX, name: 'cut' } })).data;
    const { run } = (await api.ask(`POST /sandboxes/${sandbox.id}/stop`)).data;
    await expect.poll(() => api.driver.calls.some((call) => call.call === 'stop' && call.outcome === 'pending')).toBe(true);
    await api.engine.drain(0);
    const other = api.another();
    const app = await serveApi(other);
    await expect
      .poll(async () => {
        await other.store.expiredRuns(10);
        return (await other.store.getRun(run.id))?.status;
      })
      .toBe('interrupted');
    const resumed = await app.ask(`POST /runs/${run.id}/resume?wait=10s`, { as: api.admin });
    expect(resumed.statusCode, resumed.body).toBe(200);
    expect(RunView.parse(resumed.data).status).toBe('succeeded');
    expect((await app.ask(`GET /audit?action=run.resume`, { as: api.admin })).data.items).toMatchObject([{ outcome: 'done', runIds: [run.id] }]);
    await app.close();
  });
});
