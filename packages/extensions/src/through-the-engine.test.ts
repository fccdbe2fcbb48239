import { defineExtension } from '@tenon/lifecycle';
import { anIncomingRequest, type EngineBench, fakeDriver, OPERATOR, openEngine } from '@tenon/lifecycle/testing';
import { describe, expect, it } from 'vitest';
import { shippedExtensions } from './index.ts';

/** The extensions that ship, on the whole engine with the driver and the store in memory. The caller's claims are tenant acme, user olga. */
const open = (driver = fakeDriver()) => openEngine({ extensions: shippedExtensions, driver });
const asking = { template: { labels: { 'openshell.io/extension.container-network': 'enabled' } } };
const granted = (subnet: string) => ({ config: { subnet }, grant: { workspaces: null, roles: null } });

async function leases(bench: EngineBench) {
  return (await bench.pools.list()).map(({ pool, item }) => `${pool} ${item}`).sort();
}

describe('attribution', () => {
  it('stands in plan and blame, and leaves alone what the request set', async () => {
    const bench = await open();
    await bench.activate('attribution');
    const { sandbox, run } = await bench.create({ template: { labels: { 'attribution/user': 'somebody' } } });
    expect(run.status).toBe('succeeded');
    const plan = await bench.engine.plan(sandbox.id);
    expect(plan.value).toMatchObject({
      labels: { 'attribution/tenant': 'acme', 'attribution/user': 'somebody', 'attribution/workspace': 'default', 'attribution/sandbox': sandbox.name },
      env: { ATTRIBUTION_TENANT: 'acme', ATTRIBUTION_USER: 'olga' },
    });
    expect((await bench.engine.blame(sandbox.id, '/labels/attribution~1tenant')).owner).toMatchObject({
      kind: 'extension',
      name: 'attribution',
      phase: 'prepare_plan',
    });
    expect((await bench.engine.blame(sandbox.id, '/labels/attribution~1user')).owner.kind).toBe('request');
    const attempt = (await bench.attempts(run.id)).find(({ extension }) => extension === 'attribution');
    expect(attempt).toMatchObject({ outcome: 'changed', warnings: ['label attribution/user is there with another value: left as it is'] });
  });
});

describe('resource-policy', () => {
  const rules = (action: string) => ({ config: { rules: [{ tenants: ['acme'], cpu: '2', memory: '1Gi', gpus: 1, action }] } });

  it('denies before anything is planned or made', async () => {
    const bench = await open();
    await bench.activate('resource-policy', rules('deny'));
    const { sandbox, run } = await bench.create({ gpu: { count: 2 } });
    expect(run).toMatchObject({
      status: 'failed',
      firstError: { code: 'hook_denied', hookCode: 'resource_limit', extension: 'resource-policy', phase: 'validate_request' },
    });
    expect(sandbox.state).toBe('failed');
    expect(bench.driver.changes()).toEqual([]);
  });

  it('lowers CPU, memory and GPUs, each change with its reason', async () => {
    const bench = await open();
    await bench.activate('resource-policy', rules('clamp'));
    const { sandbox, run } = await bench.create({ gpu: { count: 3 } });
    expect(run.firstError).toBeNull();
    expect((await bench.engine.plan(sandbox.id)).value).toMatchObject({ resources: { cpuMillis: 2000, memoryBytes: 1_073_741_824 } });
    expect(await bench.engine.blame(sandbox.id, '/resources/cpuMillis')).toMatchObject({ owner: { name: 'resource-policy' } });
  });

  it('does not fight with an extension that raised a limit before it: a conflict names both', async () => {
    const generous = defineExtension<{ resources: { cpuMillis: number | null } }>({
      name: 'generous',
      revision: '1.0.0',
      description: 'gives everyone eight cores',
      activation: { mode: 'global' },
      hooks: {
        prepare_plan: {
          points: ['docker.resources'],
          run(ctx) {
            ctx.plan.resources.cpuMillis = 8_000;
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [...shippedExtensions, generous] });
    await bench.activate('generous', { order: 1 });
    await bench.activate('resource-policy', { ...rules('clamp'), order: 2 });
    const { run } = await bench.create();
    expect(run.firstError).toMatchObject({ code: 'field_conflict', extension: 'resource-policy', conflictsWith: 'generous', path: '/resources/cpuMillis' });
    expect(bench.driver.changes()).toEqual([]);
  });
});

describe('container-network', () => {
  it('is refused to who was not granted it, and not run for who did not ask', async () => {
    const bench = await open();
    await bench.activate('container-network', { config: { subnet: '10.30.0.0/24' } });
    await expect(bench.create(asking)).rejects.toMatchObject({ code: 'activation_not_granted' });
    const { sandbox } = await bench.create();
    expect(sandbox.record.extensions).toEqual([]);
  });

  it('shares one network, gives each sandbox its own address, and takes both back with the last', async () => {
    const bench = await open();
    await bench.activate('container-network', granted('10.30.0.0/24'));
    const all = await Promise.all([1, 2, 3].map(() => bench.create(asking)));
    expect(all.map(({ run }) => run.firstError)).toEqual([null, null, null]);
    expect([...bench.driver.backend.networks.keys()]).toEqual(['tenon-acme']);
    expect(await leases(bench)).toEqual(['docker/tenon-acme 10.30.0.2', 'docker/tenon-acme 10.30.0.3', 'docker/tenon-acme 10.30.0.4']);
    const plan = await bench.engine.plan(all[0]?.sandbox.id ?? '');
    expect(plan.value).toMatchObject({ networks: [{ name: 'tenon-acme', aliases: [all[0]?.sandbox.name] }] });
    expect(plan.revisions.at(-1)).toMatchObject({ by: { name: 'container-network' }, phase: 'before_create' });
    for (const [index, { sandbox }] of all.entries()) {
      expect(bench.driver.backend.networks.size).toBe(1);
      await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: `end ${index}` }));
      expect((await bench.effects(sandbox.id)).map(({ state }) => state)).toEqual(Array(4).fill('released'));
    }
    expect(bench.driver.backend.networks.size).toBe(0);
    expect(await leases(bench)).toEqual([]);
  });

  it('gives everything back when the driver cannot create', async () => {
    const bench = await open();
    await bench.activate('container-network', granted('10.30.0.0/24'));
    bench.driver.next('create', { kind: 'fail' });
    const { run } = await bench.create(asking);
    expect(run).toMatchObject({ status: 'failed', firstError: { code: 'driver_failed' } });
    expect(bench.driver.backend.networks.size).toBe(0);
    expect(await leases(bench)).toEqual([]);
  });

  it('says that the subnet is used up, and makes nothing for who came too late', async () => {
    const bench = await open();
    await bench.activate('container-network', granted('10.30.0.0/30'));
    await bench.create(asking);
    const { run, sandbox } = await bench.create(asking);
    expect(run.firstError).toMatchObject({
      code: 'resource_exhausted',
      hookCode: 'addresses_exhausted',
      extension: 'container-network',
      phase: 'before_create',
    });
    expect((await bench.effects(sandbox.id)).every(({ state }) => state === 'released')).toBe(true);
    expect(await leases(bench)).toEqual(['docker/tenon-acme 10.30.0.2']);
    expect(bench.driver.backend.networks.size).toBe(1);
  });

  it('names its point as pending in a dry run, and makes nothing', async () => {
    const bench = await open();
    await bench.activate('container-network', granted('10.30.0.0/24'));
    const { plan, run } = await bench.engine.dryRun(anIncomingRequest(asking), OPERATOR);
    expect(run.firstError).toBeNull();
    expect(plan?.pending).toEqual(['docker.networks']);
    expect(bench.driver.backend.networks.size).toBe(0);
  });

  it('makes nothing in shadow and says what it would have made', async () => {
    const bench = await open();
    await bench.activate('container-network', { ...granted('10.30.0.0/24'), mode: 'shadow' });
    const { run } = await bench.create(asking);
    expect(run.status).toBe('succeeded');
    const shadowed = (await bench.attempts(run.id)).find(({ phase, extension }) => phase === 'before_create' && extension === 'container-network');
    expect(shadowed).toMatchObject({ outcome: 'shadowed', wouldBeEffects: ['shared:network docker/acme'] });
    expect(bench.driver.backend.networks.size).toBe(0);
  });
});

describe('readiness-gate', () => {
  const never = () => fakeDriver({ services: { tcp_probe: async () => false, exec: async () => ({ exitCode: 1, output: 'no' }) } });
  const config = { tcp: { port: 80 }, timeoutMs: 100, intervalMs: 20 };

  it('lets a sandbox become ready once its port accepts', async () => {
    let asked = 0;
    const bench = await open(fakeDriver({ services: { tcp_probe: async () => ++asked > 2 } }));
    await bench.activate('readiness-gate', { config: { ...config, timeoutMs: 5_000 } });
    const { sandbox } = await bench.create();
    expect(sandbox.state).toBe('ready');
    expect(asked).toBe(3);
  });

  it('warns by default', async () => {
    const bench = await open(never());
    await bench.activate('readiness-gate', { config });
    const { sandbox, run } = await bench.create();
    expect([run.status, sandbox.state]).toEqual(['succeeded', 'ready']);
    expect((await bench.attempts(run.id)).find(({ extension }) => extension === 'readiness-gate')).toMatchObject({
      outcome: 'failed',
      error: { hookCode: 'not_ready' },
    });
  });

  it('fails the create where its activation says so, and the sandbox is stopped and deleted', async () => {
    const bench = await open(never());
    await bench.activate('readiness-gate', { config, failurePolicy: { after_ready: 'fail' } });
    const { sandbox, run } = await bench.create();
    expect(run).toMatchObject({
      status: 'failed',
      firstError: { code: 'hook_failed', hookCode: 'not_ready', extension: 'readiness-gate', phase: 'after_ready' },
    });
    expect(sandbox.state).toBe('failed');
    expect(bench.driver.changes()).toEqual(['create', 'start', 'stop', 'delete']);
  });
});
