import { PlanView, type SandboxRunView, TokenIssuedView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendAnswers, dockerAbsence } from './backends.ts';
import type { Client } from './harness/client.ts';
import { containersOf, engineState, onlyContainerOf } from './harness/docker.ts';
import { eventually } from './harness/eventually.ts';
import { Product } from './harness/product.ts';

/** The extensions that ship, from outside, on the real drivers. Each driver's sandboxes belong to tenant acme. */

interface House {
  readonly product: Product;
  readonly admin: Client;
  readonly team: Client;
}

async function open(driver: string): Promise<House> {
  const product = await Product.start({ drivers: driver });
  const admin = product.api;
  const issued = await admin.get(TokenIssuedView, 'POST /tokens', {
    body: { name: 'team', role: 'operator', workspaces: ['team-a'], claims: { tenant: 'acme', user: 'jo' } },
  });
  return { product, admin, team: admin.as(issued.token) };
}

const plan = (team: Client, { sandbox }: SandboxRunView) => team.get(PlanView, `GET /sandboxes/${sandbox.id}/plan`);

describe('on process', () => {
  let house: House;
  const body = (name: string, command: string[], template: object = {}) => ({
    name,
    workspace: 'team-a',
    driver: 'process',
    command,
    template: { image: 'none', ...template },
  });

  beforeAll(async () => {
    house = await open('process');
    await house.admin.activate({ extension: 'attribution', config: { envPrefix: 'COST_', labelPrefix: 'cost.acme.com/' } });
    await house.admin.activate({ extension: 'resource-policy', config: { rules: [{ tenants: ['acme'], memory: '1Gi', gpus: 0, action: 'clamp' }] } });
  });
  afterAll(() => house?.product.remove());

  it('a process reads whose it is in its own environment, and is held to its memory', async () => {
    const made = await house.team.create(body('told', ['sh', '-c', 'env; ulimit -v; exec sleep 600']));
    const { value } = await plan(house.team, made);
    expect(value).toMatchObject({ labels: { 'cost.acme.com/tenant': 'acme', 'cost.acme.com/user': 'jo' }, limits: { memoryBytes: 1_073_741_824 } });
    const text = await eventually('the process tells its limit', async () => {
      const logs = await house.team.ask(`GET /sandboxes/${made.sandbox.id}/logs?tail=100`);
      return /^\d+$/m.test(logs.text) ? logs.text : null;
    });
    expect(text).toContain('COST_TENANT=acme\n');
    expect(text).toContain('COST_WORKSPACE=team-a\n');
    expect(text).not.toContain('COST_POLICY');
    expect(text).toMatch(/^1048576$/m);
    await house.team.delete(made.sandbox.id);
  });

  it('more memory than the most is lowered to it', async () => {
    const made = await house.team.create(body('greedy', ['sleep', '600'], { resources: { memoryLimit: '8Gi' } }));
    expect((await plan(house.team, made)).value).toMatchObject({ limits: { memoryBytes: 1_073_741_824 } });
    await house.team.delete(made.sandbox.id);
  });
});

describe.runIf(backendAnswers('docker', await dockerAbsence()))('on docker', () => {
  let house: House;
  const asking = { labels: { 'openshell.io/extension.container-network': 'on' } };
  const body = (name: string, command: string[], template: object = {}) => ({
    name,
    workspace: 'team-a',
    driver: 'docker',
    command,
    template: { image: 'busybox:1', ...template },
  });

  beforeAll(async () => {
    house = await open('docker');
  });
  afterAll(() => house?.product.remove());

  it('attribution and limits stand on the container itself', async () => {
    const activations = [
      await house.admin.activate({ extension: 'attribution' }),
      await house.admin.activate({ extension: 'resource-policy', config: { rules: [{ workspaces: ['team-a'], cpu: '1', memory: '64Mi', action: 'deny' }] } }),
    ];
    const problem = await house.team.problem('POST /sandboxes?wait=60s', { body: body('greedy', ['true'], { resources: { cpuLimit: '1500m' } }) });
    expect(problem).toMatchObject({ code: 'hook_denied', hookCode: 'resource_limit', extension: 'resource-policy', phase: 'validate_request' });
    const made = await house.team.create(body('held', ['sleep', '600']));
    expect((await plan(house.team, made)).value).toMatchObject({ resources: { cpuMillis: 1000, memoryBytes: 67_108_864 } });
    const container = await onlyContainerOf(made.sandbox.id);
    expect(container.Config.Labels).toMatchObject({ 'attribution/tenant': 'acme', 'attribution/sandbox': 'held' });
    expect(container.Config.Env).toContain('ATTRIBUTION_USER=jo');
    await house.team.delete(made.sandbox.id);
    for (const { id } of activations) {
      const { headers } = await house.admin.ask(`GET /activations/${id}`);
      await house.admin.ask(`DELETE /activations/${id}?reason=done`, { headers: { 'if-match': headers.etag ?? '' } });
    }
  });

  it('container-network joins the tenant in one network, an address each, and leaves nothing', async () => {
    await house.admin.activate({
      extension: 'container-network',
      config: { subnet: '10.199.7.0/28', name: 'journey-{tenant}' },
      grant: { workspaces: ['team-a'] },
    });
    const made = await Promise.all(['one', 'two', 'three'].map((name) => house.team.create(body(name, ['sleep', '600'], asking))));
    const addresses = await Promise.all(
      made.map(async ({ sandbox }) => (await onlyContainerOf(sandbox.id)).NetworkSettings.Networks['journey-acme']?.IPAddress),
    );
    expect(new Set(addresses).size).toBe(3);
    for (const address of addresses) expect(address).toMatch(/^10\.199\.7\.([2-9]|1[0-4])$/);
    for (const { sandbox } of made) await house.team.delete(sandbox.id);
    // Other tests may use this Engine meanwhile: only what is ours by name counts.
    expect((await engineState()).networks).not.toContain('journey-acme');
    for (const { sandbox } of made) expect(await containersOf(sandbox.id)).toEqual([]);
    expect(await house.team.effects('state=applied')).toEqual([]);
    expect(await house.team.effects('state=owed')).toEqual([]);
  });

  it('readiness-gate waits for a command in the sandbox, and fails the create of one that never gets there', async () => {
    await house.admin.activate({
      extension: 'readiness-gate',
      config: { command: ['test', '-f', '/tmp/ready'], timeoutMs: 5_000, intervalMs: 100 },
      failurePolicy: { after_ready: 'fail' },
    });
    const made = await house.team.create(body('slow', ['sh', '-c', 'sleep 1; touch /tmp/ready; exec sleep 600']));
    expect(made.sandbox.state).toBe('ready');
    await house.team.delete(made.sandbox.id);
    const problem = await house.team.problem('POST /sandboxes?wait=120s', { body: body('never', ['sleep', '600']) });
    expect(problem).toMatchObject({ code: 'hook_failed', hookCode: 'not_ready', extension: 'readiness-gate', phase: 'after_ready' });
    expect(await containersOf(problem.sandboxId ?? '')).toEqual([]);
  });
});
