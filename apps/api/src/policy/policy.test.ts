import { defineExtension } from '@tenon/lifecycle';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';

const SANDBOX = { driver: 'docker', template: { image: 'busybox:1' }, command: ['sleep', '60'] };

describe('who may do what', () => {
  let api: ApiBench;
  let viewer: string;
  let operator: string;
  let limited: string;
  beforeAll(async () => {
    api = await openApi({
      extensions: [
        defineExtension({
          name: 'noop',
          revision: '1.0.0',
          description: 'Does nothing',
          activation: { mode: 'global' },
          hooks: { reconcile: { run: () => undefined } },
        }),
      ],
    });
    viewer = await api.token({ name: 'vera', role: 'viewer' });
    operator = await api.token({ name: 'olga', role: 'operator' });
    limited = await api.token({ name: 'lars', role: 'operator', workspaces: ['team-a'] });
  });
  afterAll(() => api.close());

  it('names the role that is missing, and audits the refusal', async () => {
    const refused = await api.ask('POST /sandboxes', { as: viewer, body: { ...SANDBOX, name: 'a' } });
    expect(refused.data).toMatchObject({ status: 403, code: 'forbidden', missingRole: 'operator' });
    expect(refused.data.detail).toContain('operator');
    const [record] = (await api.ask('GET /audit?actor=vera')).data.items;
    expect(record).toMatchObject({ action: 'sandbox.create', outcome: 'refused', object: { kind: 'sandbox', name: 'a' }, requestId: refused.data.requestId });
  });

  it('keeps code and tokens for admins', async () => {
    const manifest = { contract: 'tenon.dev/extension/v1', name: 'x', revision: '1.0.0', activation: { mode: 'global' }, hooks: [] };
    const body = { manifest, transport: { kind: 'http', url: 'http://127.0.0.1:9' } };
    expect((await api.ask('POST /extensions', { as: operator, body })).data).toMatchObject({ code: 'forbidden', missingRole: 'admin' });
    expect((await api.ask('GET /tokens', { as: operator })).data).toMatchObject({ code: 'forbidden', missingRole: 'admin' });
    expect((await api.ask('POST /tokens', { as: operator, body: { name: 'x', role: 'viewer' } })).data).toMatchObject({ missingRole: 'admin' });
  });

  it('keeps a token inside its workspaces', async () => {
    expect((await api.ask('POST /sandboxes', { as: limited, body: { ...SANDBOX, name: 'b', workspace: 'team-b' } })).data).toMatchObject({ code: 'forbidden' });
    const foreign = await api.ask('POST /sandboxes?wait=10s', { body: { ...SANDBOX, name: 'c', workspace: 'team-b' } });
    const own = await api.ask('POST /sandboxes?wait=10s', { as: limited, body: { ...SANDBOX, name: 'd', workspace: 'team-a' } });
    expect(own.statusCode, own.body).toBe(201);
    expect((await api.ask(`GET /sandboxes/${foreign.data.sandbox.id}`, { as: limited })).data.code).toBe('not_found');
    expect((await api.ask(`GET /runs/${foreign.data.run.id}`, { as: limited })).data.code).toBe('not_found');
    expect((await api.ask(`GET /attempts/${foreign.data.run.attempts[0].id}`, { as: limited })).data.code).toBe('not_found');
    expect((await api.ask(`DELETE /sandboxes/${foreign.data.sandbox.id}`, { as: limited })).data.code).toBe('not_found');
    for (const list of ['sandboxes', 'runs']) {
      const { items } = (await api.ask(`GET /${list}`, { as: limited })).data;
      expect(new Set(items.map(({ workspace }: { workspace: string }) => workspace))).toEqual(new Set(['team-a']));
    }
    expect((await api.ask('GET /sandboxes?workspace=team-b', { as: limited })).data.items).toEqual([]);
  });

  it('keeps what concerns everybody from who is limited', async () => {
    const activation = { extension: 'x', mode: 'enforce', reason: 'try' };
    expect((await api.ask('POST /activations', { as: limited, body: activation })).data).toMatchObject({ code: 'forbidden' });
    expect((await api.ask('POST /activations', { as: limited, body: { ...activation, scope: { workspaces: ['team-a', 'team-b'] } } })).data).toMatchObject({
      code: 'forbidden',
    });
    const admin = await api.token({ name: 'anna', role: 'admin', workspaces: ['team-a'] });
    expect((await api.ask('POST /tokens', { as: admin, body: { name: 'wide', role: 'viewer' } })).data).toMatchObject({ code: 'forbidden' });
    expect(
      (await api.ask('POST /tokens', { as: admin, body: { name: 'claims', role: 'viewer', workspaces: ['team-a'], assertClaims: true } })).data,
    ).toMatchObject({ code: 'forbidden', pointer: '/assertClaims' });
    expect((await api.ask('POST /tokens', { as: admin, body: { name: 'narrow', role: 'viewer', workspaces: ['team-a'] } })).statusCode).toBe(201);
  });

  it('shows nobody the activations and tokens of others', async () => {
    const theirs = await api.ask('POST /activations', { body: { extension: 'noop', mode: 'shadow', scope: { workspaces: ['team-b'] }, reason: 'try' } });
    const everybodys = await api.ask('POST /activations', { body: { extension: 'noop', mode: 'shadow', reason: 'try' } });
    expect([theirs.statusCode, everybodys.statusCode]).toEqual([201, 201]);
    expect((await api.ask('GET /activations', { as: limited })).data.items.map(({ id }: { id: string }) => id)).toEqual([everybodys.data.id]);
    expect((await api.ask(`GET /activations/${theirs.data.id}`, { as: limited })).data.code).toBe('not_found');
    expect((await api.ask(`DELETE /activations/${theirs.data.id}?reason=x`, { as: limited })).data.code).toBe('not_found');
    expect((await api.ask(`DELETE /activations/${everybodys.data.id}?reason=x`, { as: limited })).data.code).toBe('forbidden');
    const admin = await api.token({ name: 'arno', role: 'admin', workspaces: ['team-a'] });
    expect((await api.ask('GET /tokens', { as: admin })).data).toMatchObject({ code: 'forbidden' });
  });

  it('takes claims from the token, and others only from who may assert them', async () => {
    const acme = await api.token({ name: 'acme', role: 'operator', claims: { tenant: 'acme' } });
    const gateway = await api.token({ name: 'gw', role: 'operator', assertClaims: true });
    const wrong = await api.ask('POST /sandboxes', { as: acme, body: { ...SANDBOX, name: 'e', claims: { tenant: 'other' } } });
    expect(wrong.data).toMatchObject({ code: 'forbidden', pointer: expect.stringMatching(/^\/claims/) });
    expect((await api.ask('POST /sandboxes?wait=10s', { as: acme, body: { ...SANDBOX, name: 'f', claims: { tenant: 'acme' } } })).statusCode).toBe(201);
    expect((await api.ask('POST /sandboxes?wait=10s', { as: gateway, body: { ...SANDBOX, name: 'g', claims: { tenant: 'other' } } })).statusCode).toBe(201);
  });
});
