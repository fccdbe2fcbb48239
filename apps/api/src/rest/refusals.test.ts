import { ProblemView } from '@tenon/contract';
import { defineExtension } from '@tenon/lifecycle';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';

const gate = defineExtension({
  name: 'gate',
  revision: '1.0.0',
  description: 'Refuses what it is told to refuse',
  activation: { mode: 'global' },
  hooks: {
    validate_request: {
      run: (ctx) => (ctx.sandbox.name.startsWith('no-') ? { result: 'deny', code: 'quota_exceeded', message: 'the quota is used up' } : undefined),
    },
  },
});

const SANDBOX = { name: 'demo', driver: 'docker', template: { image: 'busybox:1' }, command: ['sleep', '60'] };
const ACTIVATION = { extension: 'gate', mode: 'enforce', reason: 'because' };

describe('what REST refuses, and how it says so', () => {
  let api: ApiBench;
  beforeAll(async () => {
    api = await openApi({ extensions: [gate] });
  });
  afterAll(() => api.close());

  const refused = async (what: string, options: Parameters<ApiBench['ask']>[1] = {}) => {
    const answer = await api.ask(what, options);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    const problem = ProblemView.parse(answer.data);
    expect(problem.status).toBe(answer.statusCode);
    expect(problem.requestId).toBe(answer.headers['x-request-id']);
    return problem;
  };

  it('asks for credentials before it reads anything', async () => {
    expect(await refused('POST /sandboxes', { as: null, body: '{' })).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(await refused('GET /sandboxes', { as: 'nobodys-token' })).toMatchObject({ status: 401, code: 'unauthenticated' });
    expect(await refused('GET /sandboxes', { as: null, headers: { authorization: 'Basic eDp5' } })).toMatchObject({ code: 'unauthenticated' });
    expect(await refused('GET /sandboxes', { as: await api.token({ expiresAt: 1 }) })).toMatchObject({ code: 'unauthenticated' });
    expect(await refused('GET /sandboxes', { as: await api.token({ revokedAt: 1 }) })).toMatchObject({ code: 'unauthenticated' });
  });

  it.each([
    ['a body that is no JSON', '{"name":', 400, 'malformed_body'],
    ['no body', undefined, 400, 'malformed_body'],
    ['a body of another kind', '[]', 422, 'validation_failed'],
    ['a number', '7', 422, 'validation_failed'],
    ['NUL in a text', '{"name":"demo","driver":"docker","command":["a\\u0000b"]}', 422, 'validation_failed'],
    ['a lone surrogate', '{"name":"demo","driver":"docker","command":["\\ud800"]}', 422, 'validation_failed'],
    ['a key of the prototype chain', '{"name":"demo","driver":"docker","template":{"labels":{"__proto__":"x"}}}', 422, 'validation_failed'],
    [
      'nesting without end',
      `{"name":"demo","driver":"docker","template":${'{"platformConfig":'.repeat(1)}${'['.repeat(70_000)}${']'.repeat(70_000)}}}`,
      422,
      'validation_failed',
    ],
    ['an unknown field', JSON.stringify({ ...SANDBOX, colour: 'red' }), 422, 'unknown_field'],
    ['a bad name', JSON.stringify({ ...SANDBOX, name: 'De_mo' }), 422, 'validation_failed'],
    ['no image where one is needed', JSON.stringify({ ...SANDBOX, template: {} }), 422, 'validation_failed'],
    ['an unknown driver', JSON.stringify({ ...SANDBOX, driver: 'mainframe' }), 422, 'driver_unknown'],
    ['more than a mebibyte', JSON.stringify({ ...SANDBOX, command: ['x'.repeat(1_100_000)] }), 413, 'body_too_large'],
  ])('refuses %s', async (_what, body, status, code) => {
    expect(await refused('POST /sandboxes', { body, headers: { 'content-type': 'application/json' } })).toMatchObject({ status, code });
  });

  it('points at the field, names it, and says the way out', async () => {
    const problem = await refused('POST /sandboxes', { body: { ...SANDBOX, template: { imagee: 'x', image: 'y' }, colour: 1 } });
    expect(problem).toMatchObject({ code: 'unknown_field', pointer: '/template/imagee' });
    expect(problem.detail).toContain('template/imagee');
    expect(problem.detail).toContain('colour');
    expect(problem.hint).toBeTruthy();
    expect(await refused('POST /sandboxes', { body: { ...SANDBOX, environment: { A: 1 } } })).toMatchObject({ pointer: '/environment/A' });
    expect(await refused('POST /sandboxes', { body: { ...SANDBOX, template: { image: 'x', labels: { a: 1 } } } })).toMatchObject({
      pointer: '/template/labels/a',
    });
  });

  it('takes JSON and nothing else', async () => {
    const problem = await refused('POST /sandboxes', { body: 'name: demo', headers: { 'content-type': 'application/yaml' } });
    expect(problem).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    const latin = await api.app.inject({
      method: 'POST',
      url: '/api/v1/sandboxes',
      headers: { authorization: `Bearer ${api.admin}`, 'content-type': 'application/json' },
      payload: Buffer.from([0x7b, 0x22, 0xe9, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect(latin.json()).toMatchObject({ status: 400, code: 'malformed_body' });
  });

  it('refuses unknown and wrong query parameters by name', async () => {
    expect(await refused('GET /sandboxes?colour=red')).toMatchObject({ status: 422, code: 'unknown_field', pointer: '/colour' });
    expect(await refused('GET /runs?limit=201')).toMatchObject({ code: 'validation_failed', pointer: '/limit' });
    expect(await refused('GET /runs?status=fine')).toMatchObject({ code: 'validation_failed', pointer: '/status/0' });
    expect(await refused('GET /runs?from=yesterday')).toMatchObject({ code: 'validation_failed', pointer: '/from' });
    expect(await refused('POST /sandboxes?wait=30', { body: SANDBOX })).toMatchObject({ code: 'validation_failed', pointer: '/wait' });
    expect(await refused('POST /sandboxes?wait=601s', { body: SANDBOX })).toMatchObject({ code: 'validation_failed', pointer: '/wait' });
    expect(await refused('GET /sandboxes?limit=1&limit=2')).toMatchObject({ code: 'validation_failed', pointer: '/limit' });
    for (const list of ['sandboxes', 'runs', 'effects', 'audit', 'tokens', 'extensions', 'activations']) {
      expect(await refused(`GET /${list}?cursor=abc`), list).toMatchObject({ status: 422, code: 'invalid_cursor' });
    }
  });

  it('says what is not there', async () => {
    for (const what of [
      'GET /sandboxes/nope',
      'GET /runs/nope',
      'GET /attempts/nope',
      'GET /effects/nope',
      'GET /extensions/nope',
      'GET /activations/nope',
      'GET /drivers/nope',
      'GET /sandboxes/nope/plan',
      'GET /nothing/here',
      'DELETE /sandboxes/nope',
      'DELETE /tokens/nope',
      'PATCH /sandboxes/nope',
      'GET /sandboxes/%zz',
      `GET /sandboxes/${'x'.repeat(2000)}`,
    ]) {
      expect(await refused(what), what).toMatchObject({ status: 404, code: 'not_found' });
    }
    expect(await refused('GET /capability-matrix?driver=nope')).toMatchObject({ code: 'not_found' });
  });

  it('never loses a race over an activation', async () => {
    const created = await api.ask('POST /activations', { body: { ...ACTIVATION, scope: { workspaces: ['race'] } } });
    const path = `/activations/${created.data.id}`;
    expect(await refused(`PATCH ${path}`, { body: { mode: 'shadow', reason: 'try' } })).toMatchObject({ status: 428, code: 'precondition_required' });
    const etag = String(created.headers.etag);
    const first = await api.ask(`PATCH ${path}`, { body: { mode: 'shadow', reason: 'first' }, headers: { 'if-match': etag } });
    expect([first.statusCode, first.data.mode]).toEqual([200, 'shadow']);
    const lost = await api.ask(`PATCH ${path}`, { body: { percentage: 10, reason: 'second' }, headers: { 'if-match': etag } });
    expect(lost.data).toMatchObject({
      status: 412,
      code: 'precondition_failed',
      current: { mode: 'shadow', reason: 'first', actor: 'root', etag: first.headers.etag },
    });
    expect(lost.headers.etag).toBe(first.headers.etag);
    expect(await refused(`PATCH ${path}`, { body: { percentage: 10, reason: 'x' }, headers: { 'if-match': 'nonsense' } })).toMatchObject({ status: 412 });
    expect(await refused(`PATCH ${path}`, { body: { percentage: 10 }, headers: { 'if-match': String(first.headers.etag) } })).toMatchObject({
      code: 'validation_failed',
      pointer: '/reason',
    });
    expect(await refused(`PATCH ${path}`, { body: { extension: 'other', reason: 'x' }, headers: { 'if-match': '"2"' } })).toMatchObject({
      code: 'unknown_field',
    });
    expect(await refused(`DELETE ${path}`)).toMatchObject({ code: 'validation_failed', pointer: '/reason' });
    expect((await api.ask(`DELETE ${path}?reason=done`)).statusCode).toBe(204);
  });

  it('refuses two activations that overlap', async () => {
    const one = await api.ask('POST /activations', { body: { ...ACTIVATION, scope: { workspaces: ['left'] } } });
    expect(await refused('POST /activations', { body: { ...ACTIVATION, scope: { workspaces: ['left', 'right'] } } })).toMatchObject({
      status: 409,
      code: 'activation_overlap',
    });
    await api.ask(`DELETE /activations/${one.data.id}?reason=done`);
  });

  it('keeps the first error of a run that somebody waited for', async () => {
    const activation = await api.ask('POST /activations', { body: { ...ACTIVATION, scope: { workspaces: ['gated'] } } });
    const problem = await refused('POST /sandboxes?wait=10s', { body: { ...SANDBOX, name: 'no-way', workspace: 'gated' } });
    expect(problem).toMatchObject({ status: 422, code: 'hook_denied', extension: 'gate', phase: 'validate_request', hookCode: 'quota_exceeded' });
    expect(problem.detail).toContain('quota');
    expect((await api.ask(`GET /runs/${problem.runId}`)).data.firstError).toMatchObject({ code: 'hook_denied', attemptId: problem.attemptId });
    expect((await api.ask(`GET /sandboxes/${problem.sandboxId}`)).data.state).toBe('failed');
    await api.ask(`DELETE /activations/${activation.data.id}?reason=done`);
  });

  it('answers an Idempotency-Key once', async () => {
    const body = { ...SANDBOX, name: 'once' };
    const headers = { 'idempotency-key': 'key-1' };
    const first = await api.ask('POST /sandboxes?wait=10s', { body, headers });
    const second = await api.ask('POST /sandboxes?wait=10s', { body, headers });
    expect([first.statusCode, second.statusCode]).toEqual([201, 201]);
    expect(second.data.sandbox.id).toBe(first.data.sandbox.id);
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(await refused('POST /sandboxes?wait=10s', { body: { ...body, name: 'other' }, headers })).toMatchObject({
      status: 409,
      code: 'idempotency_conflict',
    });
    // A refusal that did nothing leaves its key free.
    const free = { 'idempotency-key': 'key-2' };
    expect(await refused('POST /sandboxes', { body: { ...body, driver: 'mainframe' }, headers: free })).toMatchObject({ code: 'driver_unknown' });
    expect((await api.ask('POST /sandboxes?wait=10s', { body: { ...body, name: 'freed' }, headers: free })).statusCode).toBe(201);
    expect(await refused('POST /sandboxes', { body, headers: { 'idempotency-key': 'x'.repeat(300) } })).toMatchObject({ code: 'validation_failed' });
    expect(await refused('POST /sandboxes', { body })).toMatchObject({ status: 409, code: 'sandbox_exists', pointer: '/name' });
  });

  it('answers a wait that is over with the run as it stands, and a request in flight as a conflict', async () => {
    let open = () => {};
    api.driver.next('create', { kind: 'gate', gate: new Promise<void>((resolve) => (open = resolve)) });
    const headers = { 'idempotency-key': 'slow' };
    const body = { ...SANDBOX, name: 'slow' };
    const waiting = api.ask('POST /sandboxes?wait=1s', { body, headers });
    await expect.poll(async () => (await api.ask('GET /sandboxes?name=slow')).data.items.length).toBe(1);
    expect(await refused('POST /sandboxes?wait=1s', { body, headers })).toMatchObject({ status: 409, code: 'idempotency_conflict' });
    const over = await waiting;
    expect([over.statusCode, over.data.sandbox.state]).toEqual([202, 'creating']);
    expect(['running', 'waiting']).toContain(over.data.run.status);
    const { id } = over.data.sandbox;
    expect(await refused(`POST /sandboxes/${id}/start`)).toMatchObject({ status: 409, code: 'sandbox_busy', runId: over.data.run.id });
    open();
    expect((await api.engine.waitForRun(over.data.run.id, 10_000)).status).toBe('succeeded');
    expect((await api.ask('POST /sandboxes?wait=1s', { body, headers })).data).toEqual(over.data);
  });

  it('never shows a token twice', async () => {
    const headers = { 'idempotency-key': 'token-1' };
    const body = { name: 'ci', role: 'operator', workspaces: ['team-a'], claims: { tenant: 'acme' } };
    const first = await api.ask('POST /tokens', { body, headers });
    expect(first.statusCode, first.body).toBe(201);
    expect(first.data).toMatchObject({ secretShown: true, role: 'operator', workspaces: ['team-a'] });
    const second = await api.ask('POST /tokens', { body, headers });
    expect(second.data).toMatchObject({ id: first.data.id, token: null, secretShown: false });
    expect((await api.ask('GET /session', { as: first.data.token })).data).toMatchObject({ name: 'ci', role: 'operator', claims: { tenant: 'acme' } });
    expect((await api.ask('GET /tokens')).body).not.toContain(first.data.token);
    expect((await api.ask(`DELETE /tokens/${first.data.id}`)).statusCode).toBe(204);
    expect(await refused('GET /session', { as: first.data.token })).toMatchObject({ code: 'unauthenticated' });
    expect(await refused('POST /tokens', { body: { ...body, expiresAt: '2020-01-01T00:00:00Z' } })).toMatchObject({ pointer: '/expiresAt' });
  });

  it('refuses drivers that come later, and to remove those that are found', async () => {
    expect(await refused('POST /drivers', { body: { name: 'far', kind: 'external', reason: 'try', target: 'x' } })).toMatchObject({
      code: 'validation_failed',
      pointer: '/kind',
    });
    expect(await refused('POST /drivers', { body: { name: 'docker', kind: 'composed', reason: 'try' } })).toMatchObject({ code: 'driver_exists' });
    expect(await refused('DELETE /drivers/docker?reason=x')).toMatchObject({ status: 409, code: 'driver_in_use' });
  });

  it('refuses what a run cannot do', async () => {
    const { run, sandbox } = (await api.ask('POST /sandboxes?wait=10s', { body: { ...SANDBOX, name: 'ended' } })).data;
    expect(await refused(`POST /runs/${run.id}/resume`)).toMatchObject({ status: 409, code: 'run_not_resumable' });
    const [effect] = (await api.ask(`GET /effects?sandboxId=${sandbox.id}`)).data.items;
    expect(await refused(`POST /effects/${effect.id}/retry`)).toMatchObject({ status: 409, code: 'effect_not_owed' });
    expect(await refused(`POST /effects/${effect.id}/waive`, { body: { reason: 'x' } })).toMatchObject({ code: 'effect_not_owed' });
    expect(await refused(`POST /effects/${effect.id}/waive`, { body: {} })).toMatchObject({ code: 'validation_failed', pointer: '/reason' });
    expect(await refused(`DELETE /sandboxes/${sandbox.id}?force=true`)).toMatchObject({ code: 'validation_failed', pointer: '/reason' });
    expect(await refused(`POST /sandboxes/${sandbox.id}/stop`, { body: { now: true } })).toMatchObject({ code: 'unknown_field', pointer: '/now' });
  });

  it('refuses registrations with the code that says why', async () => {
    const manifest = { contract: 'tenon.dev/extension/v1', name: 'far-away', revision: '1.0.0', activation: { mode: 'global' }, hooks: [] };
    const transport = { kind: 'http', url: 'http://127.0.0.1:9', secret: 's3cret' };
    const register = (change: object, way: object = transport) =>
      refused('POST /extensions', { body: { manifest: { ...manifest, ...change }, transport: way } });
    expect(await register({ name: 'a b' })).toMatchObject({ code: 'invalid_extension_name', pointer: '/manifest/name' });
    expect(await register({ name: 'gate' })).toMatchObject({ code: 'extension_exists' });
    expect(await register({ contract: 'v0' })).toMatchObject({ code: 'unsupported_contract' });
    expect(await register({ hooks: [{ phase: 'lunch' }] })).toMatchObject({ code: 'unknown_phase', pointer: '/manifest/hooks/0/phase' });
    expect(await register({ revision: 'one' })).toMatchObject({ code: 'validation_failed', pointer: '/manifest/revision' });
    expect(await register({ colour: 'red' })).toMatchObject({ code: 'unknown_field', pointer: '/manifest/colour' });
    expect(await register({}, { kind: 'in_process' })).toMatchObject({ code: 'validation_failed', pointer: '/transport/kind' });
    expect(await refused('PUT /extensions/gate/kill-switch', { body: { on: true } })).toMatchObject({ code: 'validation_failed', pointer: '/reason' });
  });
});
