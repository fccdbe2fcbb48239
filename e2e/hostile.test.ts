import { connect } from 'node:net';
import { listOf, PlanView, SandboxView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemIn } from './harness/client.ts';
import { eventually } from './harness/eventually.ts';
import { type Behaviour, ExtensionServer } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/** Extensions and callers that mean harm: each gets its code, and the product lives on as if nothing had been. */

const COMMAND = ['sh', '-c', 'while :; do sleep 1; done'];
const MIB = 1024 * 1024;

const json = (value: unknown): Behaviour => ({ does: 'raw', pieces: [JSON.stringify(value)], allocates: true });
const raw = (text: string | Buffer): Behaviour => ({ does: 'raw', pieces: [text], allocates: true });
const patches = (...operations: readonly object[]): Behaviour => ({ does: 'answer', answer: { patches: operations } });
const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

/** What an extension answers, the code that it gets, and a word of the message. */
const HOSTILE: Readonly<Record<string, readonly [Behaviour, string, RegExp?]>> = {
  'ten megabytes': [raw(JSON.stringify({ result: 'ok', message: 'x'.repeat(10 * MIB) })), 'hook_protocol_error', /bytes/],
  'ten megabytes without an end': [{ does: 'raw', pieces: Array.from({ length: 100 }, () => 'x'.repeat(MIB / 10)), everyMs: 1 }, 'hook_protocol_error'],
  '256,000 levels': [raw(`{"result": "ok", "state": {"a": ${nested(256_000)}}}`), 'hook_protocol_error', /nest|deep/],
  '65 levels': [raw(`{"result": "ok", "state": {"a": ${nested(65)}}}`), 'hook_protocol_error', /nest|deep/],
  'a redirect': [{ does: 'raw', status: 302, headers: { location: 'http://127.0.0.1:1/' }, pieces: ['{}'] }, 'hook_protocol_error', /redirect/],
  'a drip that never ends': [{ does: 'raw', pieces: Array.from({ length: 1_000 }, () => ' '), everyMs: 50 }, 'hook_timed_out'],
  'an error page': [{ does: 'raw', status: 500, pieces: ['<h1>broken</h1>'] }, 'extension_unavailable', /500/],
  'a refusal': [{ does: 'raw', status: 403, pieces: ['no'] }, 'hook_protocol_error', /403/],
  nothing: [raw(''), 'hook_protocol_error', /empty/],
  'no JSON': [raw('<html>'), 'hook_protocol_error', /JSON/],
  'JSON of another shape': [json(['ok']), 'hook_protocol_error'],
  'a result that is none': [json({ result: 'maybe' }), 'hook_protocol_error', /result/],
  'a field that nobody knows': [json({ result: 'ok', colour: 'red' }), 'hook_protocol_error', /colour/],
  'another idempotency key': [{ does: 'answer', answer: { idempotencyKey: 'somebody else’s' } }, 'hook_protocol_error', /idempotencyKey/],
  'another attempt': [{ does: 'answer', answer: { attempt: 7 } }, 'hook_protocol_error', /attempt/],
  'a wrong signature': [
    { does: 'raw', headers: { 'tenon-signature': `t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}` }, pieces: ['{"result": "ok"}'] },
    'hook_protocol_error',
    /[Ss]ignature/,
  ],
  'no signature': [{ does: 'raw', pieces: ['{"result": "ok"}'], everyMs: 1 }, 'hook_protocol_error', /[Ss]ignature/],
  'a key that stands twice': [raw('{"result": "ok", "result": "deny"}'), 'hook_protocol_error', /twice/],
  '__proto__ in the answer': [raw('{"result": "ok", "__proto__": {"polluted": true}}'), 'hook_protocol_error', /__proto__/],
  '__proto__ in a patch value': [
    raw('{"result": "ok", "patches": [{"op": "add", "path": "/labels/a", "value": {"__proto__": {"polluted": true}}}]}'),
    'hook_protocol_error',
    /__proto__/,
  ],
  '__proto__ in a path': [patches({ op: 'add', path: '/labels/__proto__/polluted', value: 'yes' }), 'patch_invalid', /__proto__/],
  'constructor in a path': [patches({ op: 'add', path: '/labels/constructor', value: 'yes' }), 'patch_invalid', /constructor/],
  'a NUL': [json({ result: 'ok', patches: [{ op: 'add', path: '/labels/a', value: 'a\0b' }] }), 'hook_protocol_error', /NUL/],
  'a lone surrogate': [raw('{"result": "ok", "patches": [{"op": "add", "path": "/labels/a", "value": "\\ud800"}]}'), 'hook_protocol_error', /surrogate/],
  'a number beyond range': [raw('{"result": "ok", "state": {"n": 1e999}}'), 'hook_protocol_error'],
  'bytes that are no UTF-8': [raw(Buffer.from([0x22, 0xc3, 0x28, 0x22])), 'hook_protocol_error', /UTF-8/],
  'a flood of patches': [
    patches(...Array.from({ length: 513 }, (_, index) => ({ op: 'add', path: `/labels/a${index}`, value: 'x' }))),
    'patch_too_large',
    /513/,
  ],
  'a patch that makes the plan too large': [
    patches({ op: 'add', path: '/labels/a', value: 'x'.repeat(900_000) }, { op: 'copy', from: '/labels/a', path: '/labels/b' }),
    'patch_too_large',
  ],
  'the whole plan replaced': [patches({ op: 'replace', path: '', value: {} }), 'reserved_field|point_closed|patch_invalid'],
  'a reserved label': [patches({ op: 'add', path: '/labels/tenon.dev~1sandbox-id', value: 'x' }), 'reserved_field', /tenon\.dev/],
  'all labels at once': [patches({ op: 'replace', path: '/labels', value: {} }), 'reserved_field'],
  'a reserved variable by a move': [patches({ op: 'move', from: '/env/TENON_WORKSPACE', path: '/env/MINE' }), 'reserved_field'],
  'another part than declared': [patches({ op: 'replace', path: '/cwd', value: '/' }), 'reserved_field|point_closed'],
  'an index into the void': [patches({ op: 'add', path: '/files/7', value: { path: 'x', contents: 'x', mode: '0644' } }), 'patch_invalid'],
  'an index with a zero before it': [patches({ op: 'add', path: '/files/00', value: { path: 'x', contents: 'x', mode: '0644' } }), 'patch_invalid'],
  'a negative index': [patches({ op: 'replace', path: '/files/-1', value: 1 }), 'patch_invalid'],
  'an index that is a word': [patches({ op: 'add', path: '/files/length', value: 0 }), 'patch_invalid'],
  'an element twice': [
    patches(
      { op: 'add', path: '/files/-', value: { path: 'x', contents: '1', mode: '0644' } },
      { op: 'add', path: '/files/-', value: { path: 'x', contents: '2', mode: '0644' } },
    ),
    'patch_invalid|plan_invalid',
  ],
  'a file outside of the sandbox': [
    patches({ op: 'add', path: '/files/-', value: { path: '../../etc/x', contents: '1', mode: '0644' } }),
    'plan_invalid',
    /hostile|files/,
  ],
  'a bad escape': [patches({ op: 'add', path: '/labels/a~2b', value: 'x' }), 'patch_invalid'],
  'a path without a slash': [patches({ op: 'add', path: 'labels/a', value: 'x' }), 'patch_invalid'],
  'a test that fails': [patches({ op: 'test', path: '/labels/a', value: 'x' }), 'patch_invalid'],
  'an operation that is none': [patches({ op: 'smash', path: '/labels/a', value: 'x' }), 'patch_invalid|hook_protocol_error'],
  'a secret reference out of the air': [
    patches({ op: 'add', path: '/env/X', value: { $secret: '00000000-0000-7000-8000-000000000000' } }),
    'patch_invalid',
    /secret/,
  ],
  'a label that is no text': [patches({ op: 'add', path: '/labels/a', value: 7 }), 'plan_invalid|patch_invalid'],
  'a state of a megabyte': [json({ result: 'ok', state: { a: 'x'.repeat(70_000) } }), 'hook_protocol_error', /state/],
  'an effect of an undeclared kind': [
    { does: 'answer', answer: { effects: [{ kind: 'throne', key: 'k', handle: 1 }] } },
    'hook_protocol_error',
    /throne|effects/,
  ],
};

let product: Product;
let hostile: ExtensionServer;
const behaviours = new Map<string, Behaviour>();

beforeAll(async () => {
  product = await Product.start({ drivers: 'process', config: { limits: { retryBaseMs: 20, retryMaxMs: 40, breakerFailures: 100_000, fenceExtraMs: 1_000 } } });
  hostile = await ExtensionServer.listen({
    manifest: {
      name: 'hostile',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: [
        { phase: 'prepare_plan', points: ['process.env', 'process.labels', 'process.files'], deadlineMs: 3_000 },
        { phase: 'before_create', deadlineMs: 3_000 },
      ],
      effects: ['slot'],
    },
    behave: ({ phase, sandbox }) => {
      const behaviour = behaviours.get(`${phase} ${sandbox.name}`);
      return behaviour === undefined || phase === 'before_create' || behaviour.does === 'late' ? behaviour : { ...behaviour, allocates: false };
    },
  });
  await product.api.register(hostile.manifest, hostile.transport);
  await product.api.activate({ extension: 'hostile' });
});

afterAll(async () => {
  await hostile?.close();
  await product?.remove();
});

const body = (name: string) => ({ name, driver: 'process', command: COMMAND });

describe('an extension that answers prepare_plan with', () => {
  it.each(Object.keys(HOSTILE))('%s', async (what) => {
    const [behaviour, codes, word = /./] = HOSTILE[what] ?? [];
    if (behaviour === undefined || codes === undefined) throw new Error('no such case');
    const name = `h-${Object.keys(HOSTILE).indexOf(what)}`;
    behaviours.set(`prepare_plan ${name}`, behaviour);
    const problem = problemIn(await product.api.ask('POST /sandboxes?wait=60s', { body: body(name) }));
    expect(codes.split('|'), problem.detail).toContain(problem.code);
    expect(problem).toMatchObject({ extension: 'hostile', phase: 'prepare_plan' });
    expect(problem.detail).toMatch(word);
    expect(problem.detail.length).toBeLessThan(5_000);
    const run = await product.api.run(problem.runId ?? '');
    expect(run.status).toBe('failed');
    // Whoever broke the contract is not asked again.
    if (problem.code !== 'hook_timed_out' && problem.code !== 'extension_unavailable') {
      expect(run.attempts.filter(({ kind, phase }) => kind === 'hook' && phase === 'prepare_plan')).toHaveLength(1);
    }
    const plan = await product.api.get(PlanView, `GET /sandboxes/${problem.sandboxId}/plan`);
    // What the driver refuses when it judges the whole plan was a revision already; everything else never became one.
    expect(plan.revisions).toHaveLength(problem.code === 'plan_invalid' ? 2 : 1);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect((await product.api.as(null).ask('GET //healthz')).status).toBe(200);
  });

  it('what is odd but right: it is taken', async () => {
    const operations = [
      { op: 'test', path: '/cwd', value: '.' },
      { op: 'add', path: '/labels/a~1b', value: 'slash' },
      { op: 'add', path: '/labels/tilde~0', value: 'tilde' },
      { op: 'add', path: '/labels/', value: 'the empty key' },
      { op: 'add', path: '/files/-', value: { path: 'note', contents: 'hello', mode: '0644' } },
      { op: 'copy', from: '/labels/a~1b', path: '/env/COPIED' },
    ];
    behaviours.set('prepare_plan odd', patches(...operations));
    const { sandbox } = await product.api.create(body('odd'));
    const plan = await product.api.get(PlanView, `GET /sandboxes/${sandbox.id}/plan`);
    expect(plan.value).toMatchObject({
      labels: { 'a/b': 'slash', 'tilde~': 'tilde', '': 'the empty key' },
      env: { COPIED: 'slash' },
      files: [{ path: 'note' }],
    });
    await product.api.delete(sandbox.id);
  });
});

describe('an extension that allocates, and then answers with', () => {
  const CASES = [
    'ten megabytes',
    '256,000 levels',
    'nothing',
    'a field that nobody knows',
    '__proto__ in the answer',
    'a lone surrogate',
    'a state of a megabyte',
  ];
  it.each(CASES)('%s: what it made is released', async (what) => {
    const [behaviour] = HOSTILE[what] ?? [];
    if (behaviour === undefined) throw new Error('no such case');
    const name = `a-${CASES.indexOf(what)}`;
    behaviours.set(`before_create ${name}`, behaviour);
    const problem = problemIn(await product.api.ask('POST /sandboxes?wait=60s', { body: body(name) }));
    expect(problem).toMatchObject({ code: 'hook_protocol_error', phase: 'before_create' });
    expect(hostile.held(problem.sandboxId)).toEqual([]);
    expect((await product.api.effects(`sandboxId=${problem.sandboxId}`)).filter(({ state }) => state !== 'released')).toEqual([]);
  });
});

describe('an extension that says of itself', () => {
  it.each([`{"name": "${'x'.repeat(10 * MIB)}"}`, nested(256_000), '{"__proto__": 1}', '{}', 'null', ''])(
    'at registration, %.20s: it is refused',
    async (text) => {
      const manifest = { name: 'liar', revision: '1.0.0', activation: { mode: 'global' }, hooks: [] };
      const liar = await ExtensionServer.listen({ manifest, describes: text });
      const problem = await product.api.problem('POST /extensions', { body: { manifest: liar.manifest, transport: liar.transport } });
      expect(['manifest_mismatch', 'hook_protocol_error'], problem.detail).toContain(problem.code);
      expect(problem.detail.length).toBeLessThan(5_000);
      await liar.close();
    },
  );

  it('a config schema that would take for ever: it is refused, or answers in time', async () => {
    const evil = {
      name: 'evil-schema',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: [{ phase: 'validate_request' }],
      configSchema: { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } },
    };
    const server = await ExtensionServer.listen({ manifest: evil });
    const registered = await product.api.ask('POST /extensions', { body: { manifest: server.manifest, transport: server.transport } });
    if (registered.status === 201) {
      const started = Date.now();
      await product.api.ask('POST /activations', {
        body: { extension: 'evil-schema', mode: 'enforce', scope: { workspaces: ['evil'] }, config: { a: `${'a'.repeat(60)}!` }, reason: 'x' },
      });
      expect(Date.now() - started).toBeLessThan(5_000);
    } else expect(problemIn(registered).status).toBe(422);
    await server.close();
  });
});

describe('a caller that sends', () => {
  const refused: Readonly<Record<string, readonly [string | Buffer, number, string]>> = {
    'a NUL': [JSON.stringify({ ...body('x'), environment: { A: 'a\0b' } }), 422, 'validation_failed'],
    'a NUL in a key': [JSON.stringify({ ...body('x'), environment: { 'A\0': 'b' } }), 422, 'validation_failed'],
    'a lone surrogate': ['{"name": "x", "driver": "process", "command": ["\\ud800"]}', 422, 'validation_failed'],
    'a prototype': [
      '{"name": "x", "driver": "process", "command": ["true"], "template": {"driverConfig": {"process": {"__proto__": {"polluted": 1}}}}}',
      422,
      'validation_failed',
    ],
    'a constructor': ['{"name": "x", "driver": "process", "command": ["true"], "constructor": {"prototype": {"polluted": 1}}}', 422, 'validation_failed'],
    '200,000 levels': [`{"name": "x", "driver": "process", "template": {"platformConfig": {"a": ${nested(200_000)}}}}`, 422, 'validation_failed'],
    'two megabytes': [JSON.stringify({ ...body('x'), environment: { A: 'x'.repeat(2 * MIB) } }), 413, 'body_too_large'],
    'ten thousand unknown fields': [JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`f${index}`, 1]))), 422, 'unknown_field'],
    'numbers for words': ['{"name": 1, "driver": 2, "command": 3, "environment": 4, "template": 5}', 422, 'validation_failed'],
    'a list of lists': ['[[[]]]', 422, 'validation_failed'],
    'a number': ['7', 422, 'validation_failed'],
    bytes: [Buffer.from([0, 1, 2, 255]), 400, 'malformed_body'],
    'two documents': ['{} {}', 400, 'malformed_body'],
    'a byte order mark alone': [Buffer.from([0xef, 0xbb, 0xbf]), 400, 'malformed_body'],
    'a huge number': ['{"name": "x", "driver": "process", "command": ["true"], "gpu": {"count": 1e308}}', 422, 'validation_failed'],
  };

  it.each(Object.keys(refused))('%s is told what is wrong', async (what) => {
    const [sent, status, code] = refused[what] ?? (['', 0, ''] as const);
    const problem = await product.api.problem('POST /sandboxes', { raw: sent });
    expect(problem).toMatchObject({ status, code });
    expect(problem.detail.length + (problem.hint?.length ?? 0)).toBeLessThan(200_000);
    expect((await product.api.as(null).ask('GET //healthz')).status).toBe(200);
  });

  it.each([
    'GET /sandboxes/%00',
    'GET /sandboxes/%ff',
    'GET /sandboxes/..%2f..%2fetc%2fpasswd',
    'GET /sandboxes?name=%00',
    'GET /sandboxes?limit=1e9',
    'GET /sandboxes?limit=1&limit=2',
    'GET /sandboxes?__proto__[a]=1',
    'GET /sandboxes?cursor=%7B%7D',
    'GET /runs?from=2026-13-45T99:99:99Z',
    'GET /runs?from=-271821-04-20T00:00:00.000Z',
    `GET /sandboxes/${'x'.repeat(5_000)}`,
    'GET /sandboxes/x/plan/blame?path=%00',
  ] as const)('%s is refused, and nothing breaks', async (line) => {
    const answer = await product.api.ask(line);
    expect(answer.status, answer.text).toBeGreaterThanOrEqual(400);
    expect(answer.status, answer.text).toBeLessThan(500);
    if (answer.headers['content-type'] === 'application/problem+json') problemIn(answer);
  });

  it.each([
    { authorization: 'Bearer ' },
    { authorization: `Bearer ${'x'.repeat(5_000)}` },
    { authorization: 'Basic dXNlcjpwYXNz' },
    { authorization: 'Bearer a b' },
    { cookie: `tenon_session=${'x'.repeat(3_000)}` },
    { cookie: 'tenon_session=%00' },
  ])('credentials that are none: %o', async (headers) => {
    const answer = await product.api.as(null).ask('GET /sandboxes', { headers });
    expect(problemIn(answer)).toMatchObject({ status: 401, code: 'unauthenticated' });
  });

  it('half a request, and then nothing, holds nobody up', async () => {
    const { hostname, port } = new URL(product.api.origin);
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => socket.destroy());
      socket.write(
        `POST /api/v1/sandboxes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${product.token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name":`,
      );
      return socket;
    });
    expect((await product.api.ask('GET /sandboxes')).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it('a request and goes away: the run goes on to its end', async () => {
    const { hostname, port } = new URL(product.api.origin);
    const sent = JSON.stringify(body('left-alone'));
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /api/v1/sandboxes?wait=60s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${product.token}\r\nContent-Type: application/json\r\nContent-Length: ${sent.length}\r\n\r\n${sent}`,
    );
    const sandbox = await eventually('the sandbox is there', async () => {
      const [found] = (await product.api.get(listOf(SandboxView), 'GET /sandboxes?name=left-alone')).items;
      socket.destroy();
      return found?.state === 'ready' ? found : null;
    });
    await product.api.delete(sandbox.id);
  });
});

describe('afterwards', () => {
  it('nothing is held or owed, the log has no surprise, and a good sandbox is made as ever', async () => {
    const { sandbox } = await product.api.create(body('as-ever'));
    expect(sandbox.state).toBe('ready');
    await product.api.delete(sandbox.id);
    await eventually('what was released before its fence is released again', async () => {
      const open = (await product.api.effects('')).filter(({ state, nextRetryAt }) => state !== 'released' || nextRetryAt !== null);
      return open.length === 0 ? true : null;
    });
    expect(hostile.held()).toEqual([]);
    expect(hostile.faults).toEqual([]);
    expect(product.output).not.toMatch(/unhandled|uncaught|"code":"internal"/i);
    expect(await product.stop()).toBe(0);
    await product.start();
  });
});
