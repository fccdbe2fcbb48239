import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';
import { Web } from './web.ts';

describe('the dashboard on the same origin', () => {
  let api: ApiBench;
  const seen: { url: string | undefined; policy: string | undefined; nonce: string | undefined }[] = [];
  beforeAll(async () => {
    const web = new Web(
      async (request, response) => {
        seen.push({ url: request.url, policy: String(request.headers['content-security-policy']), nonce: String(request.headers['x-nonce']) });
        if (request.url === '/broken') throw new Error('no such page');
        response.end('a page');
      },
      async () => undefined,
    );
    api = await openApi({ web });
  });
  afterAll(() => api.close());

  it('gets every page, with a policy whose nonce is new each time', async () => {
    const first = await api.app.inject({ url: '/sandboxes/some-id?tab=plan' });
    const second = await api.app.inject({ url: '/' });
    expect([first.body, second.body]).toEqual(['a page', 'a page']);
    expect(seen.map(({ url }) => url)).toEqual(['/sandboxes/some-id?tab=plan', '/']);
    const policies = [first, second].map((answer) => String(answer.headers['content-security-policy']));
    expect(seen.map(({ policy }) => policy)).toEqual(policies);
    for (const [index, policy] of policies.entries()) {
      expect(policy).toContain(`'nonce-${seen[index]?.nonce}' 'strict-dynamic'`);
      expect(/script-src[^;]*/.exec(policy)?.[0]).not.toContain('unsafe');
    }
    expect(policies[0]).not.toBe(policies[1]);
    expect(first.headers['x-content-type-options']).toBe('nosniff');
  });

  it('never gets what is the API’s, nor a change', async () => {
    const before = seen.length;
    for (const url of ['/api/v1/nothing', '/api', '/trpc/nothing', '/healthz/x'])
      expect((await api.app.inject({ url })).json().status, url).toBeGreaterThanOrEqual(401);
    expect((await api.app.inject({ method: 'POST', url: '/sandboxes' })).json()).toMatchObject({ code: 'not_found' });
    expect(seen.length).toBe(before);
  });

  it('says so where a page fails', async () => {
    const broken = await api.app.inject({ url: '/broken' });
    expect([broken.statusCode, broken.body]).toEqual([500, expect.stringContaining('request id')]);
  });
});
