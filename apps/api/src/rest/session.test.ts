import { SessionView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';

describe('signing in', () => {
  let api: ApiBench;
  beforeAll(async () => {
    api = await openApi({ publicUrl: 'https://tenon.example.org' });
  });
  afterAll(() => api.close());

  const signIn = async (token: string, headers: Record<string, string> = {}) => {
    const answer = await api.ask('POST /session', { as: null, body: { token }, headers });
    return { answer, cookie: String(answer.headers['set-cookie'] ?? '').split(';')[0] ?? '' };
  };

  it('gives a cookie that scripts cannot read and other sites do not send', async () => {
    const { answer, cookie } = await signIn(api.admin);
    expect(answer.statusCode).toBe(200);
    expect(SessionView.parse(answer.data)).toMatchObject({ kind: 'session', name: 'root', role: 'admin' });
    const attributes = String(answer.headers['set-cookie']);
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Secure', 'Path=/']) expect(attributes).toContain(part);
    expect((await api.ask('GET /session', { as: null, headers: { cookie } })).data).toMatchObject({ kind: 'session', name: 'root' });
    expect(answer.headers['strict-transport-security']).toBeTruthy();
  });

  it('takes changes under a cookie only from its own pages', async () => {
    const { cookie } = await signIn(api.admin);
    const create = (headers: Record<string, string>) =>
      api.ask('POST /tokens', { as: null, headers: { cookie, ...headers }, body: { name: 'x', role: 'viewer' } });
    expect((await create({})).data).toMatchObject({ status: 403, code: 'forbidden' });
    expect((await create({ origin: 'https://evil.example' })).data).toMatchObject({ code: 'forbidden' });
    expect((await create({ origin: 'null' })).data).toMatchObject({ code: 'forbidden' });
    expect((await create({ 'sec-fetch-site': 'cross-site' })).data).toMatchObject({ code: 'forbidden' });
    expect((await create({ origin: 'https://tenon.example.org' })).statusCode).toBe(201);
    expect((await create({ origin: 'http://localhost:80', host: 'localhost:80' })).statusCode).toBe(403);
    expect((await create({ origin: 'http://localhost:7333', host: 'localhost:7333' })).statusCode).toBe(201);
    expect((await create({ 'sec-fetch-site': 'same-origin' })).statusCode).toBe(201);
    expect(
      (await api.ask('POST /trpc/tokens.create', { as: null, headers: { cookie, origin: 'https://evil.example' }, body: { name: 'x', role: 'viewer' } }))
        .statusCode,
    ).toBe(403);
    expect((await signIn(api.admin, { origin: 'https://evil.example' })).answer.statusCode).toBe(403);
  });

  it('ends a session at sign-out, and with its token', async () => {
    const first = await signIn(api.admin);
    const out = await api.ask('DELETE /session', { as: null, headers: { cookie: first.cookie, origin: 'https://tenon.example.org' } });
    expect(out.statusCode).toBe(204);
    expect((await api.ask('GET /session', { as: null, headers: { cookie: first.cookie } })).statusCode).toBe(401);
    const issued = await api.ask('POST /tokens', { body: { name: 'short', role: 'viewer' } });
    const second = await signIn(issued.data.token);
    await api.ask(`DELETE /tokens/${issued.data.id}`);
    expect((await api.ask('GET /session', { as: null, headers: { cookie: second.cookie } })).statusCode).toBe(401);
  });

  it('lets an address that guesses wait', async () => {
    for (let guess = 0; guess < 10; guess += 1) expect((await signIn(`guess-${guess}`)).answer.data).toMatchObject({ code: 'unauthenticated' });
    const { answer } = await signIn('guess-11');
    expect(answer.data).toMatchObject({ status: 429, code: 'rate_limited' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});
