import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineExtension } from '@tenon/lifecycle';
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { askForPostgres } from '../../../packages/store/testing/real-postgres.ts';
import { compose, type Tenon } from './compose.ts';
import { loadSettings } from './config/load-settings.ts';

const TOKEN = 'compose-test-bootstrap-token';
const asked = await askForPostgres();

if ('reason' in asked) {
  describe('the whole product', () => {
    it.skip(asked.reason, () => undefined);
  });
} else {
  describe('the whole product on PostgreSQL and the process driver', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tenon-compose-'));
    let tenon: Tenon;
    let origin = '';

    const open = async () => {
      const environment = {
        TENON_DATA_DIR: dataDir,
        TENON_DRIVERS: 'process',
        TENON_WEB: 'off',
        TENON_PORT: '0',
        TENON_BOOTSTRAP_TOKEN: TOKEN,
        DATABASE_URL: asked.postgres.databaseUrl,
      };
      tenon = await compose(await loadSettings(environment, dataDir), pino({ level: 'silent' }), '0.0.0-test');
      await tenon.app.listen({ host: '127.0.0.1', port: 0 });
      origin = `http://127.0.0.1:${(tenon.app.server.address() as AddressInfo).port}`;
    };
    // biome-ignore lint/suspicious/noExplicitAny: a test reads any member of any answer
    const ask = async (what: string, body?: unknown): Promise<{ status: number; data: any }> => {
      const [method = '', path = ''] = what.split(' ');
      const response = await fetch(`${origin}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${TOKEN}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, data: response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text };
    };
    afterAll(async () => {
      await asked.postgres.close();
      await rm(dataDir, { recursive: true, force: true });
    });

    it('runs the story from an empty database, and survives a restart in its middle', async () => {
      await open();
      expect(tenon.bootstrapToken).toBeNull();
      expect(await (await fetch(`${origin}/readyz`)).json()).toMatchObject({ ready: true, drivers: [{ name: 'process', state: 'healthy' }] });
      expect((await ask('GET /extensions')).data.items.map(({ name }: { name: string }) => name)).toEqual([
        'attribution',
        'container-network',
        'readiness-gate',
        'resource-policy',
      ]);
      const activation = await ask('POST /activations', { extension: 'attribution', mode: 'enforce', reason: 'who pays' });
      expect(activation.status, JSON.stringify(activation.data)).toBe(201);
      const created = await ask('POST /sandboxes?wait=30s', {
        name: 'whole',
        workspace: 'team-a',
        driver: 'process',
        command: ['sh', '-c', 'echo "the key has $(printenv API_KEY | wc -c) characters"; exec sleep 600'],
        environment: { API_KEY: 'canary-9c4e' },
      });
      expect(created.status, JSON.stringify(created.data)).toBe(201);
      const { sandbox, run } = created.data;
      expect(run.attempts.map(({ extension, outcome }: { extension: string | null; outcome: string }) => `${extension} ${outcome}`)).toContain(
        'attribution changed',
      );

      expect(await tenon.close()).toBeUndefined();
      await open();
      expect((await ask(`GET /sandboxes/${sandbox.id}`)).data).toMatchObject({ state: 'ready', lastRun: { id: run.id, status: 'succeeded' } });
      await expect.poll(async () => (await ask(`GET /sandboxes/${sandbox.id}/logs?tail=5`)).data).toBe('the key has 12 characters\n');
      const plan = await ask(`GET /sandboxes/${sandbox.id}/plan`);
      expect(plan.data.value.labels['attribution/workspace']).toBe('team-a');
      expect(JSON.stringify(plan.data)).not.toContain('canary-9c4e');

      expect((await ask(`POST /sandboxes/${sandbox.id}/stop?wait=30s`)).data.sandbox.state).toBe('stopped');
      expect((await ask(`POST /sandboxes/${sandbox.id}/start?wait=30s`)).data.sandbox.state).toBe('ready');
      expect((await ask(`DELETE /sandboxes/${sandbox.id}?wait=30s`)).data.sandbox.state).toBe('deleted');
      expect((await ask(`GET /effects?sandboxId=${sandbox.id}`)).data.items.every(({ state }: { state: string }) => state === 'released')).toBe(true);
      const metrics = await (await fetch(`${origin}/metrics`)).text();
      expect(metrics).toContain('tenon_attempt_duration_seconds_count{kind="driver"');
      await tenon.close();
    });

    it('leaves process out where the host is not loopback, unless it is named', async () => {
      const driversOf = async (environment: Record<string, string>) => {
        const settings = await loadSettings(
          { TENON_DATA_DIR: dataDir, TENON_WEB: 'off', TENON_BOOTSTRAP_TOKEN: TOKEN, DATABASE_URL: asked.postgres.databaseUrl, ...environment },
          dataDir,
        );
        const product = await compose(settings, pino({ level: 'silent' }), '0.0.0-test');
        const answer = await product.app.inject({ url: '/api/v1/drivers', headers: { authorization: `Bearer ${TOKEN}` } });
        await product.close();
        return new Map(answer.json().items.map((driver: { name: string; isolation: string }) => [driver.name, driver.isolation]));
      };
      expect((await driversOf({ TENON_HOST: '0.0.0.0' })).has('process')).toBe(false);
      expect((await driversOf({ TENON_HOST: '0.0.0.0', TENON_DRIVERS: 'process' })).get('process')).toBe('none');
      expect((await driversOf({ TENON_HOST: '127.0.0.1' })).get('process')).toBe('none');
    });

    it('moves activations to the code that is there when it starts, and audits it', async () => {
      const at = (revision: string) =>
        defineExtension({
          name: 'configured',
          revision,
          description: 'from the configuration file',
          activation: { mode: 'global' },
          hooks: { validate_request: { required: false, run: () => undefined } },
        });
      const withCode = async <T>(revision: string, work: (product: Tenon) => Promise<T>): Promise<T> => {
        const environment = { TENON_DATA_DIR: dataDir, TENON_WEB: 'off', TENON_DRIVERS: 'process', DATABASE_URL: asked.postgres.databaseUrl };
        const settings = await loadSettings({ ...environment, TENON_BOOTSTRAP_TOKEN: TOKEN }, dataDir);
        const product = await compose({ ...settings, extensions: [at(revision)] }, pino({ level: 'silent' }), '0.0.0-test');
        const result = await work(product);
        await product.close();
        return result;
      };
      const headers = { authorization: `Bearer ${TOKEN}` };
      const id = await withCode('1.0.0', async ({ app }) => {
        const body = { extension: 'configured', mode: 'enforce', reason: 'try' };
        const made = await app.inject({ method: 'POST', url: '/api/v1/activations', headers, payload: body });
        expect(made.json()).toMatchObject({ revision: '1.0.0', version: 1 });
        return made.json().id as string;
      });
      await withCode('2.0.0', async ({ app }) => {
        expect((await app.inject({ url: `/api/v1/activations/${id}`, headers })).json()).toMatchObject({ revision: '2.0.0', version: 2 });
        const audit = (await app.inject({ url: '/api/v1/audit?action=activation.update&actor=tenon', headers })).json();
        expect(audit.items).toMatchObject([
          {
            object: { kind: 'activation', name: id },
            outcome: 'done',
            reason: 'the code of configured is at revision 2.0.0 now',
            after: { revision: '2.0.0' },
          },
        ]);
        await app.inject({ method: 'DELETE', url: `/api/v1/activations/${id}?reason=done`, headers });
      });
    });

    it('tells a command that ends by itself, and what it ended with', async () => {
      await open();
      const created = await ask('POST /sandboxes?wait=30s', { name: 'short', driver: 'process', command: ['sh', '-c', 'exit 3'] });
      expect(created.status, JSON.stringify(created.data)).toBe(201);
      await expect
        .poll(async () => (await ask(`GET /sandboxes/${created.data.sandbox.id}`)).data, { timeout: 20_000 })
        .toMatchObject({ state: 'stopped', stateReason: { code: 'exited', exitCode: 3 } });
      expect((await ask(`DELETE /sandboxes/${created.data.sandbox.id}?wait=30s`)).status).toBe(200);
      await tenon.close();
    });
  });
}
