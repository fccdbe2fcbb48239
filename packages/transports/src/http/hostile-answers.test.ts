import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import type { ExtensionClient } from '@tenon/lifecycle';
import { failure, testHookCall, testManifest, testRevision } from '@tenon/lifecycle/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { answerJson, listen } from '../../testing/extension-server.ts';
import { httpTransport } from './http-transport.ts';

/** Whatever comes back, the call ends with one TenonError in time; the next call works. */
describe('hostile answers over HTTP', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  const clientAt = (url: string): ExtensionClient => {
    const transport = httpTransport();
    closing.push(() => transport.close());
    const client = transport.open(testRevision(testManifest(), { kind: 'http', url }), null);
    if (!client) throw new Error('not opened');
    return client;
  };
  const serve = async (listener: RequestListener): Promise<ExtensionClient> => {
    const server = await listen(listener);
    closing.push(server.close);
    return clientAt(server.url);
  };
  const text = (body: string | Buffer, headers: Record<string, string> = {}): RequestListener => {
    return (_request, response) => {
      response.writeHead(200, headers);
      response.end(body);
    };
  };
  const hooked = async (listener: RequestListener, deadlineMs = 2000) => failure((await serve(listener)).hook(testHookCall({ deadlineMs })));

  it('cuts an answer of 10 MB soon after the first megabyte', async () => {
    let sent = 0;
    const error = await hooked((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = 'x'.repeat(65_536);
      const more = () => {
        while (sent < 10_485_760 && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    expect(error).toMatchObject({ code: 'hook_protocol_error', message: expect.stringContaining('larger than 1048576 bytes') });
    // What the kernel buffers on the way is all that may be sent beyond the cap.
    expect(sent).toBeLessThan(10_485_760);
  });

  it('refuses 256,000 levels of nesting without falling over', async () => {
    const levels = 256_000;
    const lists = await hooked(text(`${'['.repeat(levels)}${']'.repeat(levels)}`));
    expect(lists).toMatchObject({ code: 'hook_protocol_error', message: expect.stringContaining('nested deeper than 64 levels') });
    const objects = await hooked(text(`{"result":"ok","state":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`));
    expect(objects).toMatchObject({ code: 'hook_protocol_error', message: expect.stringContaining('nested deeper than 64 levels') });
  });

  it('calls a line that is cut in the middle of an answer unavailable', async () => {
    const chunked = await hooked((_request, response) => {
      response.writeHead(200);
      response.write('{"result":');
      setTimeout(() => response.destroy(), 20);
    });
    expect(chunked).toMatchObject({ code: 'extension_unavailable' });
    const announced = await hooked((_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"result":"ok"');
      setTimeout(() => response.destroy(), 20);
    });
    expect(announced).toMatchObject({ code: 'extension_unavailable' });
    const before = await hooked((request) => void request.socket.destroy());
    expect(before).toMatchObject({ code: 'extension_unavailable' });
  });

  it('calls a port where nobody listens, and a socket that is not there, unavailable', async () => {
    const server = await listen(() => {});
    await server.close();
    expect(await failure(clientAt(server.url).hook(testHookCall()))).toMatchObject({ code: 'extension_unavailable', context: { extension: 'under-test' } });
    expect(await failure(clientAt('unix:/tmp/tenon-no-such.sock').hook(testHookCall()))).toMatchObject({ code: 'extension_unavailable' });
  });

  it('follows no redirect', async () => {
    let followed = false;
    const target = await listen((_request, response) => {
      followed = true;
      answerJson(response, { result: 'ok' });
    });
    closing.push(target.close);
    for (const status of [301, 302, 307, 308]) {
      const error = await hooked((_request, response) => void response.writeHead(status, { location: `${target.url}/v1/hook` }).end());
      expect(error).toMatchObject({ code: 'hook_protocol_error', message: expect.stringContaining('redirects are never followed') });
    }
    expect(followed).toBe(false);
  });

  it('ends a slow drip at the deadline', async () => {
    const started = performance.now();
    const error = await hooked((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
    }, 200);
    expect(error).toMatchObject({ code: 'hook_timed_out', message: expect.stringContaining('200 ms') });
    expect(performance.now() - started).toBeLessThan(1500);
  });

  it('ends a silence at the deadline, before or after the headers', async () => {
    expect(await hooked(() => {}, 150)).toMatchObject({ code: 'hook_timed_out' });
    expect(await hooked((_request, response) => void response.flushHeaders(), 150)).toMatchObject({ code: 'hook_timed_out' });
  });

  it('takes 5xx for unavailable, with the wait that it asks for, and 4xx for outside the contract', async () => {
    const busy = await hooked((_request, response) => void response.writeHead(503, { 'retry-after': '2' }).end('rolling over\nsecond line'));
    expect(busy).toMatchObject({ code: 'extension_unavailable', context: { retryAfterMs: 2000 } });
    expect(busy.message).toContain('503, saying "rolling over"');
    const refused = await hooked((_request, response) => void response.writeHead(401).end('bad signature\n<html>'));
    expect(refused).toMatchObject({ code: 'hook_protocol_error', message: expect.stringContaining('401, saying "bad signature"') });
  });

  const outside: Readonly<Record<string, { body: string | Buffer; headers?: Record<string, string>; says: RegExp }>> = {
    'an empty body': { body: '', says: /empty/ },
    'a page of HTML': { body: '<!doctype html><html></html>', headers: { 'content-type': 'text/html' }, says: /not JSON; it begins with "<!doctype html>/ },
    NaN: { body: '{"result":"fail","retryAfterMs":NaN}', says: /not JSON/ },
    'a number beyond range': { body: '{"result":"ok","state":{"n":1e999}}', says: /Infinity/ },
    'half an answer': { body: '{"result":"ok",', says: /not JSON/ },
    'two answers': { body: '{"result":"ok"}{"result":"deny"}', says: /not JSON/ },
    'a key that stands twice': { body: '{"result":"deny","result":"ok"}', says: /"result" stands twice/ },
    'a key that stands twice, once escaped': { body: '{"result":"deny","\\u0072esult":"ok"}', says: /"result" stands twice/ },
    '__proto__ once': { body: '{"result":"ok","__proto__":{"result":"deny"}}', says: /__proto__/ },
    '__proto__ twice': { body: '{"result":"ok","state":{"__proto__":{},"__proto__":{}}}', says: /__proto__/ },
    'constructor in a patch': { body: '{"result":"ok","patches":[{"op":"add","path":"/labels","value":{"constructor":{}}}]}', says: /constructor/ },
    NUL: { body: '{"result":"ok","message":"a\\u0000b"}', says: /NUL/ },
    'a lone surrogate': { body: '{"result":"ok","message":"a\\ud800b"}', says: /surrogate/ },
    'bytes that are no UTF-8': { body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), says: /not UTF-8/ },
    'a compressed body': { body: '{"result":"ok"}', headers: { 'content-encoding': 'gzip' }, says: /encoded as "gzip"/ },
    'no result': { body: '{}', says: /result/ },
    'an unknown field': { body: '{"result":"ok","plan":{}}', says: /unknown field "plan"/ },
    'an unknown field in an effect': { body: '{"result":"ok","effects":[{"kind":"a","key":"b","owner":"me"}]}', says: /unknown field "owner" in effects\[0\]/ },
    'patches that are no objects': { body: '{"result":"ok","patches":["add"]}', says: /patches\[0\]/ },
  };
  for (const [what, { body, headers, says }] of Object.entries(outside)) {
    it(`refuses ${what}`, async () => {
      const error = await hooked(text(body, headers));
      expect(error).toMatchObject({ code: 'hook_protocol_error', context: { extension: 'under-test' } });
      expect(error.message).toMatch(says);
      expect(error.message).toContain('under-test 1.0.0: /v1/hook');
      expect(error.message.length).toBeLessThan(1000);
    });
  }

  it('takes 512 patches and refuses one more', async () => {
    const patches = (count: number) =>
      JSON.stringify({ result: 'ok', patches: Array.from({ length: count }, (_, at) => ({ op: 'add', path: `/labels/l${at}`, value: 'x' })) });
    expect(await (await serve(text(patches(512)))).hook(testHookCall())).toMatchObject({ edit: { kind: 'patches' } });
    expect(await hooked(text(patches(513)))).toMatchObject({ code: 'patch_too_large', message: expect.stringContaining('512 at most') });
  });

  it('refuses an answer that is not HTTP', async () => {
    const server: Server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing.push(async () => void server.close());
    const error = await failure(clientAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).hook(testHookCall()));
    expect(error).toMatchObject({ code: 'hook_protocol_error', message: expect.stringContaining('not HTTP') });
  });

  it('refuses headers without end', async () => {
    const error = await hooked((_request, response) => void response.writeHead(200, { 'x-long': 'x'.repeat(100_000) }).end('{"result":"ok"}'));
    expect(error).toMatchObject({ code: 'hook_protocol_error' });
  });

  it('answers the next call after each of them', async () => {
    let calls = 0;
    const client = await serve((_request, response) => {
      calls += 1;
      if (calls === 1) return void response.writeHead(200).end('x'.repeat(2_000_000));
      if (calls === 2) return response.destroy() as never;
      answerJson(response, { result: 'ok' });
    });
    await failure(client.hook(testHookCall()));
    await failure(client.hook(testHookCall()));
    expect(await client.hook(testHookCall())).toMatchObject({ result: 'ok' });
  });
});
