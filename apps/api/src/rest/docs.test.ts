import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';
import { restRoutes } from './routes.ts';

describe('what machines and people read about the API', () => {
  let api: ApiBench;
  beforeAll(async () => {
    api = await openApi();
  });
  afterAll(() => api.close());

  it('describes every route that is mounted, with schemas that resolve', async () => {
    const { data } = await api.ask('GET /openapi.json', { as: null });
    expect(data.openapi).toBe('3.1.0');
    for (const { path, method } of restRoutes) expect(data.paths[`/api/v1${path}`]?.[method.toLowerCase()], `${method} ${path}`).toBeTruthy();
    const text = JSON.stringify(data);
    const references = new Set([...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"/]+)"/g)].map((match) => match[1] ?? ''));
    expect(references.size).toBeGreaterThan(20);
    for (const name of references) expect(data.components.schemas[name], name).toBeTruthy();
    expect(text).not.toContain('$defs');
    expect(data.paths['/api/v1/runs'].get.parameters.map(({ name }: { name: string }) => name)).toContain('status');
    const ids = Object.values<Record<string, { operationId?: string }>>(data.paths).flatMap((item) =>
      Object.values(item).flatMap(({ operationId }) => operationId ?? []),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('shows it as a page whose every asset comes from here', async () => {
    const page = await api.ask('GET /api/docs/', { as: null });
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.body).not.toMatch(/(src|href)="https?:/);
    const script = /src="([^"]+\.js)"/.exec(page.body)?.[1] ?? '';
    const asset = await api.ask(`GET ${new URL(script, 'http://x/api/docs/').pathname}`, { as: null });
    expect(asset.statusCode).toBe(200);
    expect(String(page.headers['content-security-policy'])).toContain("default-src 'self'");
  });

  it('answers probes and scrapes without credentials, and sets its headers everywhere', async () => {
    expect((await api.ask('GET /healthz'.replace('/healthz', '/api/../healthz'), { as: null })).statusCode).toBe(200);
    const ready = await api.app.inject({ url: '/readyz' });
    expect([ready.statusCode, ready.json()]).toMatchObject([200, { ready: true }]);
    const metrics = await api.app.inject({ url: '/metrics' });
    expect(metrics.body).toContain('tenon_http_request_duration_seconds');
    const answer = await api.ask('GET /sandboxes', { headers: { 'x-request-id': 'mine-1' } });
    expect(answer.headers).toMatchObject({ 'x-request-id': 'mine-1', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect((await api.ask('GET /sandboxes', { headers: { 'x-request-id': 'bad id\t' } })).headers['x-request-id']).not.toBe('bad id\t');
  });
});
