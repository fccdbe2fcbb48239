import { parseArgs } from 'node:util';
import { ActivationView, DriverView, ExtensionView, listOf, SandboxRunView, SandboxView } from '@tenon/contract';
import { type Client, connect, Refused } from './client.ts';
import { OWED, ROLLED_BACK, serveNeighbours } from './neighbours.ts';

/**
 * `npm run demo`: fills a running instance with a believable story, through the public API only, then keeps serving its two extensions
 * until it is ended (`--exit`: ends at once; their sandboxes then run into an extension that does not answer).
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string', default: process.env.TENON_URL ?? 'http://127.0.0.1:7333' },
    token: { type: 'string', default: process.env.TENON_TOKEN ?? '' },
    driver: { type: 'string' },
    port: { type: 'string', default: '7391' },
    exit: { type: 'boolean', default: false },
  },
});

interface Told {
  readonly what: string;
  readonly how: string;
}

async function main(): Promise<void> {
  if (values.token === '') throw new Error('give an admin token: TENON_TOKEN=… npm run demo, or --token (the first start of Tenon prints one)');
  const tenon = connect(values.url, values.token);
  const driver = await chooseDriver(tenon);
  const secret = 'demo-neighbours-share-this';
  const neighbours = await serveNeighbours(Number(values.port), secret);
  try {
    for (const { manifest, url } of [neighbours.licences, neighbours.costs]) {
      await once(`extension ${manifest.name}`, () => tenon.post('/extensions', { manifest, transport: { kind: 'http', url, secret } }, ExtensionView));
    }
    await activate(tenon, driver);
    for (const line of await tell(tenon, driver)) console.log(`  ${line.what.padEnd(34)} ${line.how}`);
    console.log(`\nOpen ${values.url} and begin at Failures: ${ROLLED_BACK} was rolled back, ${OWED} left a licence owed.`);
    if (values.exit) return;
    console.log('The two demo extensions are served from here: end with Ctrl C.');
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
    });
  } finally {
    await neighbours.close();
  }
}

async function chooseDriver(tenon: Client): Promise<string> {
  const { items } = await tenon.get('/drivers', listOf(DriverView));
  const usable = items.filter((each) => each.health.state === 'healthy').map((each) => each.name);
  const chosen = values.driver ?? ['docker', 'process'].find((name) => usable.includes(name)) ?? usable[0];
  if (chosen === undefined)
    throw new Error(`no driver of ${values.url} is healthy: ${items.map((each) => `${each.name} ${each.health.detail}`).join('; ') || 'there is none'}`);
  return chosen;
}

async function activate(tenon: Client, driver: string): Promise<void> {
  const bodies = [
    { extension: 'attribution', mode: 'enforce', order: 100, reason: 'Finance bills by workspace' },
    {
      extension: 'resource-policy',
      mode: 'enforce',
      order: 200,
      scope: { workspaces: ['research'] },
      config: { rules: [{ workspaces: ['research'], cpu: '1', memory: '512Mi', action: 'deny' }] },
      reason: 'Fair shares while the big nodes are away',
    },
    {
      extension: 'licence-pool',
      mode: 'enforce',
      order: 300,
      scope: { workspaces: ['platform', 'checkout'] },
      reason: 'The editor needs a seat for each sandbox',
    },
    {
      extension: 'cost-labels',
      mode: 'enforce',
      order: 400,
      scope: { workspaces: ['checkout'] },
      grant: { workspaces: ['checkout'] },
      reason: 'Checkout pays by cost centre',
    },
    {
      extension: 'cost-labels',
      mode: 'shadow',
      order: 400,
      scope: { workspaces: ['research'] },
      grant: { workspaces: ['research'] },
      reason: 'See what it would write before it counts',
    },
  ];
  for (const body of bodies) await once(`activation of ${body.extension}`, () => tenon.post('/activations', body, ActivationView));
  console.log(`Activations stand; sandboxes are made on ${driver}:\n`);
}

async function tell(tenon: Client, driver: string): Promise<readonly Told[]> {
  const asks = { 'openshell.io/extension.cost-labels': 'enabled' };
  const told: Told[] = [];
  const make = async (workspace: string, name: string, more: { labels?: Record<string, string>; resources?: Record<string, string> } = {}) => {
    told.push({ what: `${workspace}/${name}`, how: await create(tenon, { driver, workspace, name, ...more }) });
  };
  await make('platform', 'code-review');
  await make('platform', 'docs-writer');
  await make('checkout', 'price-agent');
  await make('research', 'paper-reader', { resources: { memoryLimit: '128Mi' } });
  await make('research', 'big-simulation', { resources: { memoryLimit: '8Gi' } });
  await make('research', 'citation-graph', { labels: asks, resources: { memoryLimit: '128Mi' } });
  await make('checkout', 'refund-agent', { labels: asks });
  await make('platform', ROLLED_BACK);
  await make('platform', OWED);
  told.push({ what: `platform/${OWED}, deleted`, how: await removeOwing(tenon) });
  return told;
}

async function create(
  tenon: Client,
  ask: { driver: string; workspace: string; name: string; labels?: Record<string, string>; resources?: Record<string, string> },
): Promise<string> {
  try {
    const { sandbox } = await tenon.post(
      '/sandboxes?wait=60s',
      {
        name: ask.name,
        workspace: ask.workspace,
        driver: ask.driver,
        command: ['sleep', '86400'],
        template: { image: 'busybox:1', labels: ask.labels ?? {}, resources: ask.resources ?? {} },
      },
      SandboxRunView,
    );
    return sandbox.state;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

async function removeOwing(tenon: Client): Promise<string> {
  const { items } = await tenon.get('/sandboxes?workspace=platform&limit=200', listOf(SandboxView));
  const sandbox = items.find((each) => each.name === OWED);
  if (sandbox === undefined) return 'it was deleted by an earlier demo';
  const { sandbox: gone } = await tenon.remove(`/sandboxes/${sandbox.id}?wait=60s`, SandboxRunView);
  return `${gone.state}, ${gone.owed} effect owed`;
}

/** What stands already, from an earlier demo, stays as it is. */
async function once(what: string, make: () => Promise<unknown>): Promise<void> {
  try {
    await make();
  } catch (error) {
    if (!(error instanceof Refused) || !['extension_exists', 'activation_overlap'].includes(error.problem.code)) throw error;
    console.log(`${what} stands already`);
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
