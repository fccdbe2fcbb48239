import { createTRPCClient, httpLink, TRPCClientError } from '@trpc/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';
import type { AppRouter } from './router.ts';

const BODY = { name: 'typed', driver: 'docker', template: { image: 'busybox:1' }, command: ['sleep', '60'] };

describe('the tRPC door', () => {
  let api: ApiBench;
  let url: string;
  beforeAll(async () => {
    api = await openApi();
    url = await api.app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(() => api.close());

  const client = (token: string) => createTRPCClient<AppRouter>({ links: [httpLink({ url: `${url}/trpc`, headers: { authorization: `Bearer ${token}` } })] });
  const problemOf = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(TRPCClientError);
    return (error as TRPCClientError<AppRouter>).data?.problem;
  };

  it('does what REST does, typed', async () => {
    const trpc = client(api.admin);
    expect(await trpc.session.me.query()).toMatchObject({ name: 'root', role: 'admin' });
    const dry = await trpc.sandboxes.dryRun.mutate({ ...BODY, name: 'dry' });
    expect((await trpc.sandboxes.planOfRun.query({ runId: dry.run.id })).digest).toBe(dry.plan?.digest);
    const { sandbox, run } = await trpc.sandboxes.create.mutate(BODY);
    await api.engine.waitForRun(run.id, 10_000);
    expect((await trpc.sandboxes.get.query({ id: sandbox.id })).state).toBe('ready');
    expect((await trpc.sandboxes.list.query({ state: ['ready'] })).items.map(({ id }) => id)).toEqual([sandbox.id]);
    expect((await trpc.sandboxes.plan.query({ id: sandbox.id })).sealedAt).not.toBeNull();
    expect((await trpc.runs.attempts.query({ id: run.id, limit: 2 })).items.length).toBeGreaterThan(0);
    expect((await trpc.drivers.list.query({})).items.map(({ name }) => name)).toEqual(['docker']);
    expect((await trpc.matrix.get.query({ driver: 'docker' })).cells.length).toBeGreaterThan(0);
    expect((await trpc.audit.list.query({ runId: run.id })).items).toHaveLength(1);
  });

  it('carries the problem document of every failure', async () => {
    const trpc = client(api.admin);
    expect(await problemOf(trpc.sandboxes.get.query({ id: 'nope' }))).toMatchObject({ status: 404, code: 'not_found' });
    expect(await problemOf(trpc.sandboxes.create.mutate({ ...BODY, name: 'No' }))).toMatchObject({ status: 422, code: 'validation_failed', pointer: '/name' });
    expect(await problemOf(trpc.sandboxes.create.mutate({ ...BODY, colour: 1 } as never))).toMatchObject({ code: 'unknown_field', pointer: '/colour' });
    expect(await problemOf(trpc.sandboxes.create.mutate({ ...BODY, command: ['a\0b'] }))).toMatchObject({ code: 'validation_failed', pointer: '/command/0' });
    expect(await problemOf(trpc.activations.update.mutate({ id: 'nope', version: 1, change: { mode: 'shadow', reason: 'x' } }))).toMatchObject({
      code: 'not_found',
    });
    const viewer = client(await api.token({ name: 'vera', role: 'viewer' }));
    expect(await problemOf(viewer.sandboxes.create.mutate(BODY))).toMatchObject({ status: 403, code: 'forbidden', missingRole: 'operator' });
  });

  it('answers in problems before any procedure runs', async () => {
    const headers = { authorization: `Bearer ${api.admin}`, 'content-type': 'application/json' };
    const malformed = await fetch(`${url}/trpc/sandboxes.create`, { method: 'POST', headers, body: '{' });
    expect(malformed.status).toBe(400);
    expect(((await malformed.json()) as { error: { data: { problem: unknown } } }).error.data.problem).toMatchObject({ code: 'malformed_body' });
    const unknown = await fetch(`${url}/trpc/sandboxes.explode`, { headers });
    expect([unknown.status, ((await unknown.json()) as { error: { data: { problem: { code: string } } } }).error.data.problem.code]).toEqual([
      404,
      'not_found',
    ]);
    expect(await (await fetch(`${url}/trpc/session.me`)).json()).toMatchObject({ status: 401, code: 'unauthenticated' });
    const large = await fetch(`${url}/trpc/sandboxes.create`, { method: 'POST', headers, body: JSON.stringify({ ...BODY, command: ['x'.repeat(1_100_000)] }) });
    expect([large.status, await large.json()]).toMatchObject([413, { code: 'body_too_large' }]);
  });
});
