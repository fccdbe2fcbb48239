import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';
import { Web } from './web.ts';

describe('pages', () => {
  let api: ApiBench;
  let broken = false;
  beforeAll(async () => {
    const web = new Web(
      async (request, response) => {
        if (broken) throw new Error('it does not render');
        response.setHeader('content-type', 'text/html');
        response.end(`<script nonce="${request.headers['x-nonce']}"></script>${request.headers['content-security-policy']}`);
      },
      async () => undefined,
    );
    api = await openApi({ web, publicUrl: 'https://tenon.example.org' });
  });
  afterAll(() => api.close());

  const page = (url: string) => api.app.inject({ url });

  it('come from the same origin under a strict policy with a nonce of their own', async () => {
    const [one, two] = [await page('/sandboxes/abc'), await page('/runs/abc?attempt=1')];
    const policy = String(one.headers['content-security-policy']);
    const nonce = /'nonce-([A-Za-z0-9+/=]{20,})'/.exec(policy)?.[1];
    expect(nonce).toBeTruthy();
    expect(one.body).toContain(`nonce="${nonce}"`);
    expect(one.body).toContain(policy);
    expect(/script-src ([^;]*)/.exec(policy)?.[1]).not.toMatch(/unsafe-inline|unsafe-eval|https?:|\*/);
    for (const part of ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "connect-src 'self'"])
      expect(policy).toContain(part);
    expect(String(two.headers['content-security-policy'])).not.toContain(nonce);
    expect(one.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'strict-transport-security': expect.any(String) });
  });

  it('are not what the API’s own paths, or other methods, answer', async () => {
    for (const url of ['/api/v1/nothing', '/api/nothing', '/trpc/nothing', '/metrics/x'])
      expect((await page(url)).headers['content-type'], url).not.toContain('html');
    expect((await api.app.inject({ method: 'POST', url: '/sandboxes/abc' })).json()).toMatchObject({ status: 404, code: 'not_found' });
  });

  it('that cannot be rendered end with the request id, and without the cause', async () => {
    broken = true;
    const answer = await page('/sandboxes');
    broken = false;
    expect(answer.statusCode).toBe(500);
    expect(answer.body).toContain(String(answer.headers['x-request-id']));
    expect(answer.body).not.toContain('it does not render');
  });
});
