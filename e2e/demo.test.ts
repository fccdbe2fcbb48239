import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ActivationView, listOf, RunSummaryView, SandboxView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Product } from './harness/product.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** `npm run demo` on a new installation with the process driver: what it tells is what the API then shows. */
describe('the demo', () => {
  let product: Product;
  let said = '';

  async function demo(): Promise<number | null> {
    const args = [
      join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs'),
      join(root, 'tools', 'demo', 'src', 'demo.ts'),
      ...['--url', product.api.origin, '--token', product.token, '--driver', 'process', '--port', String(await freePort()), '--exit'],
    ];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return new Promise((ended) => child.once('exit', ended));
  }

  beforeAll(async () => {
    product = await Product.start({ drivers: 'process' });
  });
  afterAll(() => product?.remove());

  it('fills three workspaces with every kind of outcome', async () => {
    expect(await demo(), said).toBe(0);
    const { api } = product;
    const sandboxes = (await api.get(listOf(SandboxView), 'GET /sandboxes?limit=200')).items;
    const all = [...sandboxes, ...(await api.get(listOf(SandboxView), 'GET /sandboxes?state=deleted&limit=200')).items];
    expect(new Set(all.map(({ workspace }) => workspace))).toEqual(new Set(['platform', 'checkout', 'research']));
    expect(sandboxes.filter(({ state }) => state === 'ready').length).toBeGreaterThanOrEqual(4);
    expect((await api.get(listOf(ActivationView), 'GET /activations')).items.map(({ extension, mode }) => `${extension} ${mode}`)).toEqual(
      expect.arrayContaining(['attribution enforce', 'resource-policy enforce', 'licence-pool enforce', 'cost-labels enforce', 'cost-labels shadow']),
    );

    const failed = (await api.get(listOf(RunSummaryView), 'GET /runs?status=failed&limit=200')).items;
    const errors = await Promise.all(failed.map(async ({ id }) => (await api.run(id)).firstError));
    expect(errors.map((error) => error?.code).sort(), said).toEqual(['field_conflict', 'hook_denied', 'hook_failed']);

    // Rolled back after it allocated: what was made stands in the trace, and stands nowhere else.
    const rolledBack = all.find(({ name }) => name === 'reports');
    expect(rolledBack).toMatchObject({ state: 'failed', owed: 0 });
    const made = await api.effects(`sandboxId=${rolledBack?.id}`);
    expect(made.map(({ kind, state }) => [kind, state])).toEqual(expect.arrayContaining([['licence', 'released']]));

    const shadowed = await api.run(sandboxes.find(({ name }) => name === 'citation-graph')?.lastRun?.id ?? '');
    expect(shadowed.attempts.filter(({ outcome }) => outcome === 'shadowed')).toMatchObject([{ extension: 'cost-labels', error: { code: 'field_conflict' } }]);

    const owed = await api.effects('state=owed');
    expect(owed).toMatchObject([{ kind: 'licence', extension: 'licence-pool' }]);
    expect(all.find(({ id }) => id === owed[0]?.sandboxId)).toMatchObject({ name: 'nightly-etl', state: 'deleted', owed: 1 });
  });

  it('may be told again: what stands stays', async () => {
    expect(await demo(), said).toBe(0);
    expect(said).toContain('stands already');
  });

  it('goes through the public API only', () => {
    const about = JSON.parse(readFileSync(join(root, 'tools', 'demo', 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    expect(
      Object.keys(about.dependencies)
        .filter((name) => name.startsWith('@tenon/'))
        .sort(),
    ).toEqual(['@tenon/contract', '@tenon/extension-sdk']);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
