import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { ActivationPreviewView, DryRunView, listOf, SandboxRunView, SessionView, TokenIssuedView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { backendAnswers, dockerAbsence } from './backends.ts';
import { onlyContainerOf } from './harness/docker.ts';
import { EventStream } from './harness/event-stream.ts';
import { eventually } from './harness/eventually.ts';
import { ExtensionServer, type HookCall } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/** Secrets go in by every door there is, live through everything, and are then searched for wherever text ends up. */

const canary = (what: string) => `canary-${what}-${randomBytes(12).toString('hex')}`;
const docker = backendAnswers('docker', await dockerAbsence());
const drivers = docker ? (['process', 'docker'] as const) : (['process'] as const);
const Reference = z.strictObject({ $secret: z.string() });

describe('a secret', () => {
  const secrets = {
    byName: canary('by-name'),
    marked: canary('marked'),
    inTemplate: canary('template'),
    refused: canary('refused'),
    transport: canary('transport'),
    otherTransport: canary('other-transport'),
  };
  const seen: string[] = [];
  const exported: Buffer[] = [];
  let product: Product;
  let collector: Server;
  let keeper: ExtensionServer;
  let events: EventStream;
  let issued: string;
  let cookie: string;
  const lived: string[] = [];

  beforeAll(async () => {
    collector = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => exported.push(chunk));
      request.once('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
    });
    await new Promise<void>((settle) => collector.listen(0, '127.0.0.1', settle));
    const address = collector.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    product = await Product.start({
      drivers: drivers.join(','),
      env: { TENON_LOG_LEVEL: 'trace', OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${address.port}` },
      seen: (text) => seen.push(text),
      config: { limits: { retryBaseMs: 20 } },
    });
    events = await EventStream.open(product.api);
    keeper = await ExtensionServer.listen({
      manifest: {
        name: 'mover',
        revision: '1.0.0',
        activation: { mode: 'global' },
        hooks: [
          { phase: 'validate_request' },
          { phase: 'prepare_plan', points: ['*.env', '*.labels'] },
          ...[
            'before_create',
            'after_create',
            'before_start',
            'after_ready',
            'on_create_failed',
            'before_stop',
            'after_stop',
            'before_delete',
            'after_delete',
          ].map((phase) => ({ phase })),
        ],
        effects: ['slot'],
        dryRunSafe: true,
        shadowSafe: true,
      },
      secret: secrets.transport,
      allocatesIn: ['before_create'],
      behave: (call) => (call.phase === 'prepare_plan' ? { does: 'answer', answer: moved(call) } : null),
    });
  });

  afterAll(async () => {
    events?.close();
    await keeper?.close();
    await product?.remove();
    collector?.close();
  });

  /** Copies the reference to where a secret may stand; for some sandboxes, to where it may not. */
  function moved(call: HookCall): Readonly<Record<string, unknown>> {
    const { env } = z.looseObject({ env: z.record(z.string(), z.unknown()) }).parse(call.plan.value);
    const reference = Reference.parse(env.API_KEY);
    const path = call.sandbox.name.startsWith('leaking') ? '/labels/key' : '/env/SAME_KEY';
    return { message: 'the tool reads another name', patches: [{ op: 'add', path, value: reference }] };
  }

  const body = (name: string, driver: string) => ({
    name,
    driver,
    template: { image: 'busybox:1', environment: { DB_PASSWORD: secrets.inTemplate } },
    command: ['sh', '-c', 'trap "exit 0" TERM; echo pid=$$; while :; do sleep 0.2; done'],
    environment: { API_KEY: secrets.byName, HARMLESS_NAME: { secret: secrets.marked }, PLAIN: 'not hidden' },
  });

  it('goes in with an extension, shown nowhere', async () => {
    const { api } = product;
    await api.register(keeper.manifest, keeper.transport);
    await api.activate({ extension: 'mover' });
    // Refused on the way: what was sent must not come back in the refusal.
    await api.problem('POST /extensions', { body: { manifest: keeper.manifest, transport: { ...keeper.transport, secret: secrets.otherTransport } } });
    await api.problem('POST /extensions', {
      body: { manifest: { ...keeper.manifest, name: 'x' }, transport: { ...keeper.transport, secret: secrets.otherTransport, colour: 1 } },
    });
    issued = (await api.get(TokenIssuedView, 'POST /tokens', { body: { name: 'robot', role: 'admin' } })).token ?? '';
    const signedIn = await api.as(null).ask('POST /session', { body: { token: issued } });
    SessionView.parse(signedIn.data);
    cookie = /tenon_session=([^;]+)/.exec(signedIn.headers['set-cookie'] ?? '')?.[1] ?? '';
    expect(cookie).not.toBe('');
    for (const wrong of [
      { ...body('Refused', 'process'), environment: { API_KEY: secrets.refused } },
      { ...body('refused', 'process'), environment: { API_KEY: secrets.refused }, colour: secrets.refused.length },
      { ...body('refused', 'nobody'), environment: { API_KEY: secrets.refused } },
      { ...body('refused', 'process'), environment: { API_KEY: { secret: secrets.refused, more: 1 } } },
      { ...body('refused', 'process'), environment: { API_KEY: secrets.refused }, tty: true },
      { ...body('refused', 'process'), environment: { TENON_TOKEN: secrets.refused } },
    ]) {
      await api.problem('POST /sandboxes?wait=30s', { body: wrong });
    }
  });

  describe.each(drivers)('on %s', (driver) => {
    it('lives a whole life: dry run, create, stop, start, plan, preview, failed creates, delete', async () => {
      const { api } = product;
      const dry = await api.get(DryRunView, 'POST /sandboxes?dryRun=true', { body: body(`dry-${driver}`, driver) });
      expect(dry.plan?.value).toMatchObject({
        env: { API_KEY: Reference.parse(z.looseObject({ env: z.looseObject({}) }).parse(dry.plan?.value).env.API_KEY), PLAIN: 'not hidden' },
      });
      const headers = { 'idempotency-key': `canary-${driver}` };
      const created = await api.get(SandboxRunView, 'POST /sandboxes?wait=120s', { body: body(`life-${driver}`, driver), headers });
      await api.ask('POST /sandboxes?wait=120s', { body: body(`life-${driver}`, driver), headers });
      const { id } = created.sandbox;
      lived.push(id);
      const environment = driver === 'docker' ? await environmentOfContainer(id) : await environmentOfProcess(id);
      // The workload really has them: three names by the request, and the one that the extension gave.
      expect(environment).toMatchObject({
        API_KEY: secrets.byName,
        SAME_KEY: secrets.byName,
        HARMLESS_NAME: secrets.marked,
        DB_PASSWORD: secrets.inTemplate,
        PLAIN: 'not hidden',
      });
      const reads = [
        '',
        '/plan',
        '/plan?from=0&to=1',
        '/plan?from=1&to=0',
        '/plan/blame?path=/env/API_KEY',
        '/plan/blame?path=/env/SAME_KEY',
        '/activation-record',
        '/logs?tail=50',
      ];
      for (const path of reads) expect((await api.ask(`GET /sandboxes/${id}${path}`)).status, path).toBe(200);
      expect((await api.ask(`POST /sandboxes/${id}/stop?wait=60s`)).status).toBe(200);
      expect((await api.ask(`POST /sandboxes/${id}/start?wait=60s`)).status).toBe(200);
      expect(driver === 'docker' ? await environmentOfContainer(id) : await environmentOfProcess(id)).toMatchObject({ API_KEY: secrets.byName });

      const leaking = await api.problem('POST /sandboxes?wait=60s', { body: body(`leaking-${driver}`, driver) });
      expect(leaking).toMatchObject({ code: 'patch_invalid', extension: 'mover' });
      const impossible = { ...body(`impossible-${driver}`, driver), command: ['/no/such/program'] };
      const failed = await api.ask('POST /sandboxes?wait=60s', { body: impossible });
      lived.push(leaking.sandboxId ?? '');
      if (failed.status === 201) await api.delete(SandboxRunView.parse(failed.data).sandbox.id);

      await api.get(ActivationPreviewView, 'POST /activations/preview', { body: { extension: 'attribution', mode: 'enforce' } });
      await api.delete(id);
    });

    async function environmentOfContainer(id: string): Promise<Record<string, string>> {
      return pairs((await onlyContainerOf(id)).Config.Env ?? []);
    }

    async function environmentOfProcess(id: string): Promise<Record<string, string>> {
      const pid = await eventually('the workload says its pid', async () => {
        const { text } = await product.api.ask(`GET /sandboxes/${id}/logs?tail=50`);
        return [...text.matchAll(/pid=(\d+)/g)].at(-1)?.[1] ?? null;
      });
      return pairs(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0'));
    }

    const pairs = (lines: readonly string[]): Record<string, string> =>
      Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  });

  it('is read back by everything that can be read', async () => {
    const { api } = product;
    for (const list of [
      '/sandboxes?state=deleted,failed',
      '/runs',
      '/effects',
      '/audit',
      '/extensions',
      '/activations',
      '/tokens',
      '/drivers',
      '/capability-matrix',
    ] as const) {
      expect((await api.ask(`GET ${list}`)).status, list).toBe(200);
    }
    const runs = await api.get(listOf(z.looseObject({ id: z.string() })), 'GET /runs?limit=200');
    for (const { id } of runs.items) await api.run(id);
    for (const page of ['//api/v1/openapi.json', '//metrics', '//readyz', '//api/docs/', '/extensions/mover', '/extensions/mover/revisions'] as const) {
      expect((await api.ask(`GET ${page}`)).status, page).toBe(200);
    }
    await eventually('spans are exported', () => (exported.length > 0 ? true : null));
    expect(events.events.length).toBeGreaterThan(20);
  });

  it('stands nowhere: no table, no answer, no event, no hook call, no log, no span, no file of the product', async () => {
    await product.api.ask('DELETE /session', { headers: { cookie: `tenon_session=${cookie}`, origin: product.api.origin } });
    const places = {
      tables: await product.dump([]),
      // The token that was issued is shown in that one answer, which is what it is for; a cookie is set by a header.
      answers: seen
        .map((text) => (text.includes('"secretShown":true') || text.includes('set-cookie') ? text.replaceAll(issued, '').replaceAll(cookie, '') : text))
        .join('\n'),
      events: events.text,
      hooks: keeper.bodies.join('\n'),
      output: product.output,
      spans: Buffer.concat(exported).toString('latin1'),
      files: filesIn(product.dataDir),
    };
    // The search itself is sound: what is not hidden is found where it has to be.
    for (const place of ['tables', 'answers', 'hooks'] as const) expect(places[place]).toContain('not hidden');
    expect(places.output.length).toBeGreaterThan(1_000);
    const wanted = { ...secrets, bootstrap: product.token, issued, cookie };
    const found: string[] = [];
    for (const [place, text] of Object.entries(places)) {
      for (const [name, secret] of Object.entries(wanted)) {
        for (const form of [
          secret,
          Buffer.from(secret).toString('hex'),
          Buffer.from(secret).toString('base64').replace(/=+$/, ''),
          encodeURIComponent(secret),
        ]) {
          const at = text.indexOf(form);
          if (at >= 0) found.push(`${name} in ${place}: …${text.slice(Math.max(0, at - 300), at)}<here>`);
        }
      }
    }
    expect(found).toEqual([]);
  });

  it('dies with the sandbox, a dry run’s with the run; a transport’s stays with its revision', async () => {
    const owners = await product.query<{ kind: string; id: string }>('SELECT owner_kind AS kind, owner_id AS id FROM secret');
    for (const id of lived) expect(owners.map((owner) => owner.id)).not.toContain(id);
    expect(owners.filter(({ kind }) => kind !== 'sandbox')).toHaveLength(1);
  });

  function filesIn(directory: string): string {
    return readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.name}\n${readFileSync(join(entry.parentPath, entry.name)).toString('latin1')}`)
      .join('\n');
  }
});
