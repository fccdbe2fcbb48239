import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryStore } from './call-store.ts';
import { createHandler, type HandlerOptions } from './handler.ts';
import { SIGNATURE_HEADER, signAnswer, verifySignature } from './signature.ts';
import { CONTRACT, type HookAnswer, type HookRequest, type Manifest } from './wire.ts';

const manifest: Manifest = {
  contract: CONTRACT,
  name: 'quota',
  revision: '1.0.0',
  activation: { mode: 'global' },
  hooks: [{ phase: 'before_create' }],
  effects: ['slot'],
};

function hookBody(run: Partial<HookRequest['run']> = {}): HookRequest {
  return {
    contract: CONTRACT,
    phase: 'before_create',
    extension: 'quota',
    revision: '1.0.0',
    run: { id: 'run-1', operation: 'create', attempt: 1, idempotencyKey: 'key-1', deadline: '2026-11-24T10:00:10.000Z', ...run },
    sandbox: { id: 'sb-1', name: 'demo', workspace: 'team-a' },
    driver: { name: 'process', chain: ['process'], features: [] },
    actor: { kind: 'token', name: 'ada', role: 'operator' },
    requestId: 'req-1',
    template: { image: null, labels: {}, environment: {}, resources: {}, driverConfig: {}, platformConfig: {} },
    resources: {},
    gpu: null,
    command: [],
    claims: {},
    config: {},
    requestConfig: {},
    state: null,
    plan: { driver: 'process', revision: 0, value: {}, open: [] },
    shadow: false,
    dryRun: false,
    failure: null,
  };
}
function releaseBody(keys: string[] = ['a']) {
  return {
    extension: 'quota',
    revision: '1.0.0',
    sandbox: { id: 'sb-1', name: 'demo', workspace: 'team-a' },
    idempotencyKey: 'key-1',
    reason: 'rollback',
    effects: keys.map((key) => ({ kind: 'slot', key, handle: null })),
  };
}

type Post = (path: string, body: unknown, headers?: Record<string, string>) => Promise<Response>;

/** The same tests through both doors. */
const doors: Readonly<Record<string, (options: HandlerOptions) => Promise<{ post: Post; close: () => Promise<unknown> }>>> = {
  'node:http': async (options) => {
    const server = createServer(createHandler(options)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const close = async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    };
    return {
      post: (path, body, headers = {}) => fetch(origin + path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers }),
      close,
    };
  },
  fetch: async (options) => {
    const handler = createHandler(options);
    const post: Post = (path, body, headers = {}) =>
      handler.fetch(new Request(`http://quota${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers }));
    return { post, close: async () => {} };
  },
};

for (const [door, open] of Object.entries(doors)) {
  describe(`createHandler over ${door}`, () => {
    const closing: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });
    const start = async (options: Partial<HandlerOptions> = {}): Promise<Post> => {
      const { post, close } = await open({ manifest, hooks: { before_create: () => undefined }, release: () => undefined, ...options });
      closing.push(close);
      return post;
    };
    const refused = async (response: Promise<Response>) => {
      const { status } = await response;
      return `${status} ${(await (await response).text()).trim()}`;
    };
    const hooked = async (post: Post, run: Partial<HookRequest['run']> = {}, headers: Record<string, string> = {}): Promise<HookAnswer> => {
      const response = await post('/v1/hook', hookBody(run), headers);
      expect(response.status).toBe(200);
      return (await response.json()) as HookAnswer;
    };

    it('describes, echoes key and attempt, and adds what was logged', async () => {
      const post = await start({
        hooks: {
          before_create: (request, { log, traceparent }) => {
            log.info(`for ${request.sandbox.name}`);
            return { message: String(traceparent), effects: [{ kind: 'slot', key: 'a' }] };
          },
        },
      });
      expect(await (await post('/v1/describe', {})).json()).toEqual(manifest);
      expect(await hooked(post, { attempt: 2 }, { traceparent: '00-aa-bb-01' })).toEqual({
        result: 'ok',
        idempotencyKey: 'key-1',
        attempt: 2,
        message: '00-aa-bb-01',
        effects: [{ kind: 'slot', key: 'a' }],
        logs: [{ at: expect.stringMatching(/Z$/), level: 'info', message: 'for demo' }],
      });
    });

    it('runs a hook once for a key: a later attempt gets the same answer, one beside it waits', async () => {
      let calls = 0;
      const post = await start({
        hooks: {
          before_create: async () => {
            calls += 1;
            await new Promise((resolve) => setTimeout(resolve, 30));
            return { message: `call ${calls}` };
          },
        },
      });
      const [first, second] = await Promise.all([hooked(post), hooked(post, { attempt: 2 })]);
      const third = await hooked(post, { attempt: 3 });
      expect([first, second, third].map(({ message, attempt }) => [message, attempt])).toEqual([
        ['call 1', 1],
        ['call 1', 2],
        ['call 1', 3],
      ]);
      expect((await hooked(post, { idempotencyKey: 'key-2' })).message).toBe('call 2');
    });

    it('runs a hook once although the store is slow to say what it knows', async () => {
      const known = memoryStore();
      const slowly = async <T>(value: Promise<T>): Promise<T> => {
        const result = await value;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return result;
      };
      let calls = 0;
      const post = await start({
        store: { look: (key) => slowly(known.look(key)), keep: (key, answer) => known.keep(key, answer), fence: (key) => known.fence(key) },
        hooks: {
          before_create: () => {
            calls += 1;
            return undefined;
          },
        },
      });
      await Promise.all([1, 2, 3].map((attempt) => hooked(post, { attempt })));
      expect(calls).toBe(1);
    });

    it('tries again after a failure, whether answered or thrown', async () => {
      let calls = 0;
      const post = await start({
        hooks: {
          before_create: () => {
            calls += 1;
            if (calls === 1) throw new Error('no database');
            return calls === 2 ? { result: 'fail', retryAfterMs: 5 } : undefined;
          },
        },
      });
      expect(await hooked(post)).toMatchObject({ result: 'fail', message: 'no database' });
      expect(await hooked(post, { attempt: 2 })).toMatchObject({ result: 'fail', retryAfterMs: 5 });
      expect(await hooked(post, { attempt: 3 })).toMatchObject({ result: 'ok', attempt: 3 });
    });

    it('calls what is no answer a failure', async () => {
      for (const [reply, says] of [
        ['ok', 'a string'],
        [[1], 'a list'],
        [5, 'a number'],
      ] as const) {
        const post = await start({ hooks: { before_create: () => reply as never } });
        expect(await hooked(post)).toMatchObject({ result: 'fail', message: `the hook answered ${says}, not an object or nothing` });
      }
    });

    it('aborts a hook at the deadline of its call', async () => {
      const post = await start({
        hooks: { before_create: (_request, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))) },
      });
      expect(await hooked(post, {}, { 'Tenon-Deadline-Ms': '40' })).toMatchObject({ result: 'fail', message: 'the deadline of 40 ms has passed' });
    });

    it('refuses every hook after a release with its key', async () => {
      const released: string[][] = [];
      const post = await start({ release: ({ effects }) => void released.push(effects.map(({ key }) => key)) as undefined });
      await hooked(post);
      expect(await (await post('/v1/release', releaseBody())).json()).toEqual({ released: ['a'], failed: [] });
      expect(await (await post('/v1/release', releaseBody([]))).json()).toEqual({ released: [], failed: [] });
      expect(released).toEqual([['a'], []]);
      expect(await refused(post('/v1/hook', hookBody({ attempt: 2 })))).toMatch(/^409 .*"key-1" was released/);
      expect(await hooked(post, { idempotencyKey: 'key-2' })).toMatchObject({ result: 'ok' });
    });

    it('ends a running hook before it releases, and refuses its answer', async () => {
      const order: string[] = [];
      const post = await start({
        hooks: {
          before_create: async (_request, { signal }) => {
            await new Promise((resolve) => signal.addEventListener('abort', resolve));
            await new Promise((resolve) => setTimeout(resolve, 20));
            order.push('hook ended');
            return { effects: [{ kind: 'slot', key: 'late' }] };
          },
        },
        release: () => void order.push('released') as undefined,
      });
      const running = refused(post('/v1/hook', hookBody()));
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await (await post('/v1/release', releaseBody())).json()).toEqual({ released: ['a'], failed: [] });
      expect(order).toEqual(['hook ended', 'released']);
      expect(await running).toMatch(/^409/);
    });

    it('answers a release as failed while a hook does not end', async () => {
      let end = () => {};
      const post = await start({
        hooks: {
          before_create: () =>
            new Promise<undefined>((resolve) => {
              end = () => resolve(undefined);
            }),
        },
      });
      const running = refused(post('/v1/hook', hookBody()));
      await new Promise((resolve) => setTimeout(resolve, 50));
      const answer = await (await post('/v1/release', releaseBody(), { 'Tenon-Deadline-Ms': '60' })).json();
      expect(answer).toEqual({ released: [], failed: [{ key: 'a', message: expect.stringContaining('still running') }] });
      const unnamed = await (await post('/v1/release', releaseBody([]), { 'Tenon-Deadline-Ms': '60' })).json();
      expect(unnamed).toMatchObject({ failed: [{ key: 'key-1' }] });
      end();
      expect(await running).toMatch(/^409/);
      expect(await (await post('/v1/release', releaseBody())).json()).toEqual({ released: ['a'], failed: [] });
    });

    it('passes on what a release says, and answers what it throws as failed', async () => {
      const errors: unknown[] = [];
      const post = await start({
        onError: (error) => errors.push(error),
        release: ({ effects }) => {
          if (effects.length === 0) throw new Error('no database');
          return { released: ['a'], failed: [{ key: 'b', message: 'held' }] };
        },
      });
      expect(await (await post('/v1/release', releaseBody(['a', 'b']))).json()).toEqual({ released: ['a'], failed: [{ key: 'b', message: 'held' }] });
      expect(await (await post('/v1/release', releaseBody([]))).json()).toEqual({ released: [], failed: [{ key: 'key-1', message: 'no database' }] });
      expect(errors).toHaveLength(1);
    });

    it('takes only calls that are signed with the secret, and signs its answers', async () => {
      const post = await start({ secret: 'shared' });
      const body = JSON.stringify(hookBody());
      expect(await refused(post('/v1/hook', body))).toMatch(/^401 .*no Tenon-Signature/);
      expect(await refused(post('/v1/hook', body, { [SIGNATURE_HEADER]: signAnswer('other', body) }))).toMatch(/^401 .*does not match/);
      expect(await refused(post('/v1/hook', body, { [SIGNATURE_HEADER]: signAnswer('shared', body, Date.now() - 400_000) }))).toMatch(/^401 .*s off/);
      expect(await refused(post('/v1/describe', '{}'))).toMatch(/^401/);
      const response = await post('/v1/hook', body, { [SIGNATURE_HEADER]: signAnswer('shared', body) });
      expect(verifySignature({ header: response.headers.get(SIGNATURE_HEADER), body: await response.text(), secret: 'shared' })).toEqual({ ok: true });
    });

    it('lists where it can, and answers 404 where it does not offer a path', async () => {
      expect(await refused((await start())('/v1/list', {}))).toMatch(/^404/);
      const post = await start({ list: () => [{ kind: 'slot', key: 'a', sandboxId: 'sb-1' }] });
      expect(await (await post('/v1/list', {})).json()).toEqual({ effects: [{ kind: 'slot', key: 'a', sandboxId: 'sb-1' }] });
      expect(await refused(post('/v2/hook', {}))).toMatch(/^404/);
      const based = await start({ basePath: '/quota/' });
      expect((await based('/quota/v1/describe', {})).status).toBe(200);
      expect((await based('/v1/describe', {})).status).toBe(404);
    });

    it('says which field of a call it cannot read', async () => {
      const post = await start({ maxBodyBytes: 10_000 });
      expect(await refused(post('/v1/hook', '{"contract":'))).toMatch(/^400 the body is not JSON/);
      expect(await refused(post('/v1/hook', []))).toMatch(/^400 the body must be an object/);
      expect(await refused(post('/v1/hook', { ...hookBody(), contract: 'tenon.dev/extension/v9' }))).toMatch(/^400 contract is "tenon.dev\/extension\/v9"/);
      expect(await refused(post('/v1/hook', { ...hookBody(), sandbox: {} }))).toMatch(/^400 sandbox.id/);
      expect(await refused(post('/v1/hook', hookBody({ idempotencyKey: '' })))).toMatch(/^400 run.idempotencyKey/);
      expect(await refused(post('/v1/hook', { ...hookBody(), phase: 'after_ready' }))).toMatch(/^400 no hook for the phase "after_ready"/);
      expect(await refused(post('/v1/hook', { ...hookBody(), phase: 'toString' }))).toMatch(/^400 no hook/);
      expect(await refused(post('/v1/release', { ...releaseBody(), effects: [{ kind: 'slot' }] }))).toMatch(/^400 effects\[0\].key/);
      expect(await refused(post('/v1/hook', hookBody(), { 'Tenon-Deadline-Ms': 'soon' }))).toMatch(/^400 Tenon-Deadline-Ms/);
      expect(await refused(post('/v1/hook', 'x'.repeat(20_000)))).toMatch(/^413 .*10000 bytes/);
    });
  });
}

describe('createHandler', () => {
  it('refuses options that do not fit together', () => {
    const release = () => undefined;
    expect(() => createHandler({ manifest, hooks: {}, release })).toThrow(/hooks before_create, but there is no function/);
    expect(() => createHandler({ manifest, hooks: { before_create: () => undefined, after_ready: () => undefined }, release })).toThrow(/does not hook it/);
    expect(() => createHandler({ manifest, hooks: { before_create: () => undefined } })).toThrow(/release is required/);
    expect(() => createHandler({ manifest, hooks: { before_create: () => undefined }, release, secret: '' })).toThrow(/secret is empty/);
  });

  it('answers a GET with 405', async () => {
    const handler = createHandler({ manifest, hooks: { before_create: () => undefined }, release: () => undefined });
    expect((await handler.fetch(new Request('http://quota/v1/hook'))).status).toBe(405);
  });
});
