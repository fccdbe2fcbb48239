import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WireHookRequest } from '@tenon/contract';
import type { ExtensionClient, Manifest, TransportRecord } from '@tenon/lifecycle';
import { failure, testHookCall, testManifest, testReleaseCall, testRevision, transportConformance } from '@tenon/lifecycle/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { answerJson, listen, type Received, receive, type TestServer } from '../../testing/extension-server.ts';
import { serveScript } from '../../testing/scripted-server.ts';
import { type HttpTransportOptions, httpTransport } from './http-transport.ts';

transportConformance('http', async (script) => {
  const server = await serveScript(script);
  const { client, close } = openAt(server.url, { manifest: script.manifest });
  return { client, close: async () => void (await Promise.all([close(), server.close()])) };
});

interface OpenOptions extends HttpTransportOptions {
  readonly manifest?: Manifest;
  readonly secret?: string;
  readonly transport?: Partial<TransportRecord>;
}

function openAt(url: string, options: OpenOptions = {}): { client: ExtensionClient; close: () => Promise<void> } {
  const transport = httpTransport(options);
  const client = transport.open(testRevision(options.manifest ?? testManifest(), { kind: 'http', url, ...options.transport }), options.secret ?? null);
  if (!client) throw new Error('the HTTP transport did not open an HTTP revision');
  return { client, close: () => transport.close() };
}

describe('the HTTP transport', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  const serve = async (listener: RequestListener, options: OpenOptions = {}, socketPath?: string): Promise<{ client: ExtensionClient; server: TestServer }> => {
    const server = await listen(listener, socketPath);
    const { client, close } = openAt(server.url, options);
    closing.push(close, server.close);
    return { client, server };
  };
  /** Answers every call with this, and keeps what it received. */
  const keep = (answer: unknown, received: Received[]): RequestListener => {
    return async (request, response) => {
      received.push(await receive(request));
      answerJson(response, answer);
    };
  };

  it('sends the call as the contract has it, signed over its exact bytes', async () => {
    const received: Received[] = [];
    const { client } = await serve(keep({ result: 'ok' }, received), { secret: 's3cret' });
    await client.hook(testHookCall({ input: { gpu: { count: 1 } }, deadlineMs: 1500 }));
    const [call] = received;
    expect(call).toMatchObject({ method: 'POST', path: '/v1/hook' });
    expect(call?.headers).toMatchObject({
      'content-type': 'application/json',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'tenon-deadline-ms': '1500',
    });
    expect(WireHookRequest.parse(call?.body)).toEqual(call?.body);
    const [, at, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(call?.headers['tenon-signature'])) ?? [];
    expect(mac).toBe(createHmac('sha256', 's3cret').update(`${at}.${call?.text}`).digest('hex'));
    expect(call?.body).toEqual({
      contract: 'tenon.dev/extension/v1',
      ...testHookCall().input,
      gpu: { count: 1 },
      plan: { driver: 'process', revision: 0, value: testHookCall().plan.value, open: [{ point: 'process.labels', path: '/labels' }] },
    });
  });

  it('signs nothing without a secret, and gives describe and list a trace of their own', async () => {
    const received: Received[] = [];
    const { client } = await serve(keep({ effects: [] }, received));
    await client.list(new AbortController().signal);
    expect(received[0]?.headers['tenon-signature']).toBeUndefined();
    expect(received[0]?.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(received[0]?.text).toBe('{}');
  });

  it('keeps its connection from call to call', async () => {
    const { client, server } = await serve(keep({ result: 'ok' }, []));
    for (let call = 0; call < 20; call += 1) await client.hook(testHookCall());
    // The first connection may still be closing its books when the second call is made.
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it('reaches an extension over a Unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-sock-'));
    closing.push(() => rm(folder, { recursive: true }));
    const { client } = await serve(keep({ result: 'deny', code: 'no' }, []), {}, join(folder, 'x.sock'));
    expect(await client.hook(testHookCall())).toMatchObject({ result: 'deny', code: 'no' });
  });

  it('puts the base path of the address before each call', async () => {
    const received: Received[] = [];
    const server = await listen(keep({ result: 'ok' }, received));
    const { client, close } = openAt(`${server.url}/extensions/quota/`);
    closing.push(close, server.close);
    await client.hook(testHookCall());
    expect(received[0]?.path).toBe('/extensions/quota/v1/hook');
  });

  it('reaches localhost without asking a resolver', async () => {
    const server = await listen(keep({ result: 'ok' }, []));
    const { client, close } = openAt(server.url.replace('127.0.0.1', 'localhost.'));
    closing.push(close, server.close);
    expect(await client.hook(testHookCall())).toMatchObject({ result: 'ok' });
  });

  it('refuses a target that the operator did not list when it is opened', () => {
    expect(() => openAt('http://10.0.0.1:9000')).toThrow(/not in the list of allowed targets/);
    expect(() => openAt('http://127.0.0.1:9000', { allowedTargets: ['unix'] })).toThrow(/not in the list/);
    expect(openAt('http://10.0.0.1:9000', { allowedTargets: ['10.0.0.0/8'] }).client).toBeDefined();
  });

  it('opens nothing that is registered over another transport', () => {
    expect(httpTransport().open(testRevision(testManifest(), { kind: 'in_process' }), null)).toBeNull();
  });

  it('accepts an echo of key and attempt, and refuses a wrong one', async () => {
    const call = testHookCall({ input: { run: { ...testHookCall().input.run, attempt: 2 } } });
    const echo = async (answer: object) => (await serve(keep({ result: 'ok', ...answer }, []))).client.hook(call);
    expect(await echo({ idempotencyKey: 'key-1', attempt: 2 })).toMatchObject({ result: 'ok' });
    expect(await failure(echo({ idempotencyKey: 'key-2', attempt: 2 }))).toMatchObject({
      code: 'hook_protocol_error',
      message: expect.stringContaining('idempotencyKey'),
    });
    expect(await failure(echo({ idempotencyKey: 'key-1', attempt: 1 }))).toMatchObject({
      code: 'hook_protocol_error',
      message: expect.stringContaining('attempt is 1'),
    });
  });

  it('takes effects with handle and scope', async () => {
    const { client } = await serve(
      keep(
        {
          result: 'ok',
          effects: [
            { kind: 'slot', key: 'a', handle: { n: 1 }, scope: 'start' },
            { kind: 'slot', key: 'b' },
          ],
        },
        [],
      ),
    );
    expect((await client.hook(testHookCall())).effects).toEqual([
      { kind: 'slot', key: 'a', handle: { n: 1 }, scope: 'start' },
      { kind: 'slot', key: 'b', handle: null, scope: null },
    ]);
  });

  describe('signed answers', () => {
    const signed = (sign: (body: string) => string | null): RequestListener => {
      return (_request, response) => {
        const body = JSON.stringify({ result: 'ok' });
        const header = sign(body);
        response.writeHead(200, header === null ? {} : { 'Tenon-Signature': header });
        response.end(body);
      };
    };
    const good = (body: string, secret = 's3cret', at = Math.floor(Date.now() / 1000)) =>
      `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
    const demand = { secret: 's3cret', transport: { signedAnswers: true } };

    it('accepts a good signature', async () => {
      const { client } = await serve(signed(good), demand);
      expect(await client.hook(testHookCall())).toMatchObject({ result: 'ok' });
    });

    const bad: Readonly<Record<string, { sign: (body: string) => string | null; says: RegExp }>> = {
      'no signature': { sign: () => null, says: /carries no Tenon-Signature/ },
      'another secret': { sign: (body) => good(body, 'other'), says: /does not match/ },
      'another body': { sign: () => good('{"result":"deny"}'), says: /does not match/ },
      'an old one': { sign: (body) => good(body, 's3cret', Math.floor(Date.now() / 1000) - 3600), says: /3600 s old/ },
      'no form': { sign: () => 'v1=abc', says: /not of the form/ },
    };
    for (const [what, { sign, says }] of Object.entries(bad)) {
      it(`refuses ${what}`, async () => {
        const { client } = await serve(signed(sign), demand);
        const error = await failure(client.hook(testHookCall()));
        expect(error.code).toBe('hook_protocol_error');
        expect(error.message).toMatch(says);
      });
    }

    it('checks a signature that is there although none is demanded', async () => {
      const { client } = await serve(
        signed((body) => good(body, 'other')),
        { secret: 's3cret' },
      );
      expect(await failure(client.hook(testHookCall()))).toMatchObject({ code: 'hook_protocol_error' });
    });

    it('refuses to be opened where answers must be signed and there is no secret', () => {
      expect(() => openAt('http://127.0.0.1:1', { transport: { signedAnswers: true } })).toThrow(/no secret/);
    });
  });

  describe('release', () => {
    const rows = (keys: readonly [kind: string, key: string][]) => keys.map(([kind, key]) => ({ kind, key, input: null, handle: {} }));

    it('never names two effects of one key in one call', async () => {
      const received: Received[] = [];
      const { client } = await serve(keep({ released: ['a', 'b'] }, received));
      const answer = await client.release(
        testReleaseCall(
          rows([
            ['slot', 'a'],
            ['name', 'a'],
            ['slot', 'b'],
          ]),
        ),
      );
      expect(
        received.map(({ body }) => (body as unknown as { effects: { kind: string; key: string }[] }).effects.map(({ kind, key }) => `${kind} ${key}`)),
      ).toEqual([['slot a', 'slot b'], ['name a']]);
      expect(answer).toEqual({ released: ['a', 'b'], failed: [] });
      expect(received[0]?.body).toEqual({
        extension: 'under-test',
        revision: '1.0.0',
        sandbox: { id: 'sb-1', name: 'demo', workspace: 'team-a' },
        idempotencyKey: 'key-1',
        reason: 'rollback',
        effects: [
          { kind: 'slot', key: 'a', handle: {} },
          { kind: 'slot', key: 'b', handle: {} },
        ],
      });
    });

    it('counts an effect that the answer does not name as failed', async () => {
      const { client } = await serve(keep({ released: ['a'] }, []));
      const answer = await client.release(
        testReleaseCall(
          rows([
            ['slot', 'a'],
            ['slot', 'b'],
          ]),
        ),
      );
      expect(answer).toMatchObject({ released: ['a'], failed: [{ key: 'b' }] });
    });

    it('asks for everything under the key where no effect is known', async () => {
      const received: Received[] = [];
      const { client } = await serve(keep({ released: ['x'] }, received));
      const unknown = [{ kind: '*', key: 'key-1', input: null, handle: null }];
      expect((await client.release(testReleaseCall(unknown))).released).toContain('key-1');
      expect(received[0]?.body).toMatchObject({ effects: [], idempotencyKey: 'key-1' });
      expect(await client.release(testReleaseCall([]))).toEqual({ released: ['x'], failed: [] });
    });

    it('keeps the row of unknown effects where one of them did not go', async () => {
      const { client } = await serve(keep({ failed: [{ key: 'x', message: 'busy' }] }, []));
      const answer = await client.release(testReleaseCall([{ kind: '*', key: 'key-1', input: null, handle: null }]));
      expect(answer.failed).toContainEqual({ key: 'key-1', message: 'x: busy' });
      expect(answer.released).toEqual([]);
    });

    it('takes a missing release for done only where the manifest declares no effects', async () => {
      const missing: RequestListener = (_request, response) => void response.writeHead(404).end();
      const { client } = await serve(missing);
      expect(await failure(client.release(testReleaseCall(rows([['slot', 'a']]))))).toMatchObject({ code: 'hook_protocol_error' });
      const without = await serve(missing, { manifest: testManifest({ effects: [] }) });
      expect(await without.client.release(testReleaseCall([{ kind: '*', key: 'key-1', input: null, handle: null }]))).toEqual({
        released: ['key-1'],
        failed: [],
      });
    });
  });

  it('asks for a list once where it is not offered', async () => {
    const received: Received[] = [];
    const { client } = await serve(async (request, response) => {
      received.push(await receive(request));
      response.writeHead(404).end();
    });
    const { signal } = new AbortController();
    expect(await client.list(signal)).toBeNull();
    expect(await client.list(signal)).toBeNull();
    expect(received.length).toBe(1);
    expect(await failure(client.describe(signal))).toMatchObject({ code: 'hook_protocol_error', message: expect.stringContaining('404') });
  });

  it('fills the defaults of a described manifest, and names a field it does not know', async () => {
    const small = {
      contract: 'tenon.dev/extension/v1',
      name: 'under-test',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: [{ phase: 'after_ready' }],
    };
    const { client } = await serve(keep(small, []));
    const { signal } = new AbortController();
    expect(await client.describe(signal)).toMatchObject({
      hooks: [{ phase: 'after_ready', required: true, deadlineMs: 10_000, onFailure: 'warn', points: [] }],
      drivers: null,
      cleansUp: null,
      dryRunSafe: false,
    });
    const other = await serve(keep({ ...small, hooks: [{ phase: 'after_ready', deadline: 5 }] }, []));
    expect((await failure(other.client.describe(signal))).message).toMatch(/unknown field "deadline" in hooks\[0\]/);
    const odd = await serve(keep({ ...small, hooks: [{ phase: 'before_lunch' }] }, []));
    expect((await failure(odd.client.describe(signal))).message).toMatch(/before_lunch/);
  });
});
