import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';
import { ensureBootstrapToken } from './ensure-bootstrap-token.ts';

describe('the first token', () => {
  let api: ApiBench;
  beforeAll(async () => {
    api = await openApi();
  });
  afterAll(() => api.close());

  it('is made where there is none at all, an ordinary admin token, and its text is answered this once', async () => {
    const [root] = (await api.store.listTokens({ limit: 10 })).items;
    // The bench has made a token of its own already.
    expect(await ensureBootstrapToken(api.deps, null)).toBeNull();
    const fresh = { ...api.deps, store: Object.assign(Object.create(api.store), { countTokens: async () => 0 }) };
    const text = await ensureBootstrapToken(fresh, null);
    expect(text).toMatch(/^tenon_[A-Za-z0-9_-]{43}$/);
    expect((await api.ask('GET /session', { as: text })).data).toMatchObject({ name: 'bootstrap', role: 'admin' });
    const made = (await api.store.listTokens({ limit: 10 })).items.find((token) => token.id !== root?.id);
    expect(JSON.stringify(made)).not.toContain(text);
    expect(made?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await api.store.listAudit({ visible: null, action: 'token.create' }, { limit: 5 })).items).toMatchObject([
      { actor: 'tenon', object: { kind: 'token', name: 'bootstrap' }, reason: 'the first start' },
    ]);
    // It can be revoked like any other.
    expect((await api.ask(`DELETE /tokens/${made?.id}`)).statusCode).toBe(204);
    expect((await api.ask('GET /session', { as: text })).statusCode).toBe(401);
  });

  it('is the operator’s own where one was given, and then is never shown', async () => {
    const fresh = { ...api.deps, store: Object.assign(Object.create(api.store), { countTokens: async () => 0 }) };
    expect(await ensureBootstrapToken(fresh, 'a-token-of-the-operator')).toBeNull();
    expect((await api.ask('GET /session', { as: 'a-token-of-the-operator' })).data).toMatchObject({ name: 'bootstrap', role: 'admin' });
  });
});
