import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Driver, DriverCall, DriverObservation, DriverServices } from '@tenon/lifecycle';
import { aRequest, type RequestOverrides } from '@tenon/lifecycle/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { engineForTests, importImage, onPath, TEST_IMAGE } from '../../testing/docker-engine.ts';
import type { DockerDriverOptions } from './config.ts';
import { dockerDriver } from './driver.ts';
import type { DockerNetwork, DockerPlan } from './planner.ts';

const engine = await engineForTests();
const busybox = await onPath('busybox');
const run = randomUUID().slice(0, 8);
const healthImage = `tenon-health-${run}:1`;

describe.skipIf(engine === null)('docker driver on a real Engine', () => {
  if (engine === null) return;
  const { docker, host } = engine;
  let driver: Driver;
  let made: DriverCall[];
  let networks: string[];
  const installation = `specific-${run}`;
  const open = (options: Partial<DockerDriverOptions> = {}): Driver => dockerDriver({ host, installation, stopGraceMs: 1_000, relistMs: 5_000, ...options });

  beforeAll(async () => {
    if (busybox !== null) {
      await importImage(docker, busybox, healthImage, ['ENV PATH=/bin', 'HEALTHCHECK --interval=300ms --timeout=2s --retries=2 CMD cat /healthy']);
    }
  });
  afterAll(async () => {
    if (busybox !== null) await docker.getImage(healthImage).remove({ force: true });
  });
  beforeEach(() => {
    driver = open();
    made = [];
    networks = [];
  });
  afterEach(async () => {
    for (const call of made) await driver.delete({ ...call, signal: AbortSignal.timeout(30_000) });
    for (const name of networks) await service('container_networks').remove({ name, signal: AbortSignal.timeout(10_000) });
    await driver.close();
  });

  function service<K extends keyof DriverServices>(name: K): DriverServices[K] {
    const found = driver.services()[name];
    if (found === undefined) throw new Error(`no service ${name}`);
    return found as DriverServices[K];
  }
  function prepare(script: string, { template, ...rest }: RequestOverrides = {}, change: Partial<DockerPlan> = {}): DriverCall {
    const id = randomUUID();
    const request = aRequest({ name: `s-${id.slice(0, 8)}`, command: ['sh', '-c', script], ...rest, template: { image: TEST_IMAGE, ...template } });
    const plan = { ...(driver.plan(request, id) as unknown as DockerPlan), ...change };
    const call: DriverCall = {
      sandbox: { id, name: request.name, workspace: request.workspace },
      plan: plan as never,
      resolveSecret: async () => 'plain',
      idempotencyKey: randomUUID(),
      signal: AbortSignal.timeout(60_000),
    };
    made.push(call);
    return call;
  }
  async function launch(...args: Parameters<typeof prepare>): Promise<DriverCall> {
    const call = prepare(...args);
    await driver.create(call);
    await driver.start(call);
    return call;
  }
  const nameOf = (call: DriverCall): string => (call.plan as unknown as DockerPlan).name;
  const inspect = (call: DriverCall) => docker.getContainer(nameOf(call)).inspect();
  const logs = (call: DriverCall, tail = 100): Promise<string> => driver.logs(call.sandbox, call.plan, { tail });
  async function until<T>(read: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
    const end = Date.now() + 20_000;
    for (;;) {
      const value = await read();
      if (good(value)) return value;
      if (Date.now() > end) throw new Error(`not in time; last: ${JSON.stringify(value)}`);
      await pause(50);
    }
  }
  const ended = (call: DriverCall): Promise<DriverObservation> =>
    until(
      () => driver.inspect(call.sandbox, call.plan),
      (now) => now.state === 'exited',
    );
  const signal = (): AbortSignal => AbortSignal.timeout(20_000);

  it('applies limits, labels and security, and is never privileged', async () => {
    const call = await launch('sleep 600', { template: { labels: { team: 'a' }, resources: { cpuLimit: '500m', memoryLimit: '64Mi' } } });
    const { HostConfig: hostConfig, Config: config } = await inspect(call);
    expect(hostConfig).toMatchObject({
      NanoCpus: 500_000_000,
      Memory: 67_108_864,
      MemorySwap: 67_108_864,
      PidsLimit: 4096,
      Privileged: false,
      ReadonlyRootfs: false,
    });
    expect(hostConfig.CapDrop).toEqual(expect.arrayContaining(['NET_RAW', 'MKNOD']));
    expect(hostConfig.SecurityOpt).toEqual(['no-new-privileges']);
    expect(hostConfig.RestartPolicy?.Name).toBe('no');
    expect(config.Labels).toMatchObject({
      team: 'a',
      'openshell.ai/managed-by': 'openshell',
      'openshell.ai/sandbox-id': call.sandbox.id,
      'openshell.ai/sandbox-namespace': 'tenon',
      'tenon.dev/installation': installation,
      'tenon.dev/sandbox-id': call.sandbox.id,
    });
    expect((await inspect(call)).Name).toBe(`/openshell-default--${call.sandbox.name}-${call.sandbox.id}`);
  });

  it('refuses a name that a foreign container holds, and leaves it alone', async () => {
    const call = prepare('sleep 600');
    const foreign = await docker.createContainer({ name: nameOf(call), Image: TEST_IMAGE, Cmd: ['sleep', '1'] });
    try {
      await expect(driver.create(call)).rejects.toMatchObject({ code: 'driver_failed', message: expect.stringContaining(foreign.id.slice(0, 12)) });
      expect((await driver.inspect(call.sandbox, call.plan)).state).toBe('absent');
      await driver.delete(call);
      expect((await foreign.inspect()).Id).toBe(foreign.id);
    } finally {
      await foreign.remove({ force: true });
    }
  });

  it('never sees, adopts or removes what another installation made', async () => {
    const call = await launch('sleep 600');
    const other = dockerDriver({ host, installation: 'another' });
    expect(await other.list()).toEqual([]);
    expect((await other.inspect(call.sandbox, call.plan)).state).toBe('absent');
    await other.delete(call);
    await expect(other.create(call)).rejects.toMatchObject({ code: 'driver_failed' });
    expect((await driver.inspect(call.sandbox, call.plan)).state).toBe('running');
    await other.close();
  });

  it('finds a container that somebody renamed', async () => {
    const call = await launch('sleep 600');
    await docker.getContainer(nameOf(call)).rename({ name: `renamed-${call.sandbox.id}` });
    expect((await driver.inspect(call.sandbox, call.plan)).state).toBe('running');
    await driver.delete(call);
    expect((await driver.inspect(call.sandbox, call.plan)).state).toBe('absent');
  });

  it.skipIf(busybox === null)('is ready once the HEALTHCHECK says so', async () => {
    const call = await launch('sleep 600', { template: { image: healthImage } });
    const early = await driver.inspect(call.sandbox, call.plan);
    expect(early).toMatchObject({ state: 'running', ready: false });
    const ready = driver.awaitReady(call);
    await until(
      () => driver.inspect(call.sandbox, call.plan),
      (now) => now.reason === 'unhealthy' && (now.message ?? '').includes('can'),
    );
    await service('exec')({ sandbox: call.sandbox, command: ['touch', '/healthy'], signal: signal() });
    expect(await ready).toMatchObject({ state: 'running', ready: true });
  });

  it('tells out-of-memory from other ends', async () => {
    const call = await launch('exec tail /dev/zero', { template: { resources: { memoryLimit: '16Mi' } } });
    expect(await ended(call)).toMatchObject({ reason: 'oom_killed', exitCode: 137, message: expect.stringContaining('16777216') });
    const shot = await launch('kill -9 $$');
    expect((await ended(shot)).reason).toMatch(/signal|exited/);
  });

  it('says what to do about a command or an image that is not there', async () => {
    const call = prepare('', { command: ['/no/such/program'] });
    await driver.create(call);
    await expect(driver.start(call)).rejects.toMatchObject({ code: 'driver_failed', context: { hint: 'name a command that is in the image' } });
    expect(await driver.inspect(call.sandbox, call.plan)).toMatchObject({ state: 'created', reason: 'start_failed' });
    const closed = open({ pullMissing: false });
    const lacking = prepare('true', { template: { image: `no-such-image-${run}:1` } });
    await expect(closed.create(lacking)).rejects.toMatchObject({
      code: 'driver_failed',
      message: expect.stringContaining('is not on the Docker host'),
      context: { path: '/image' },
    });
    await closed.close();
    const unpullable = prepare('true', { template: { image: '127.0.0.1:1/no-such:1' } });
    await expect(driver.create(unpullable)).rejects.toMatchObject({ code: 'driver_failed', message: expect.stringContaining('cannot be pulled') });
    expect((await driver.inspect(unpullable.sandbox, null)).state).toBe('absent');
  });

  it('gives both streams in order, the tail of them, and those of a terminal', async () => {
    const call = await launch('for i in 1 2 3; do echo out $i; echo err $i >&2; done; sleep 600');
    expect(
      await until(
        () => logs(call),
        (text) => text.includes('err 3'),
      ),
    ).toContain('out 1\n');
    expect((await logs(call, 2)).trim().split('\n')).toHaveLength(2);
    const terminal = await launch('echo \'{"json": true}\'; sleep 600', { tty: true });
    expect(
      await until(
        () => logs(terminal),
        (text) => text.includes('json'),
      ),
    ).toContain('{"json": true}');
  });

  it('runs a command in the container, with its code and output', async () => {
    const call = await launch('sleep 600', { environment: { API_KEY: { $secret: 's' } } });
    const exec = service('exec');
    expect(await exec({ sandbox: call.sandbox, command: ['sh', '-c', 'echo "$API_KEY"; sleep 0.2; echo e >&2; exit 3'], signal: signal() })).toEqual({
      exitCode: 3,
      output: 'plain\ne\n',
    });
    await expect(exec({ sandbox: call.sandbox, command: ['sleep', '60'], signal: AbortSignal.timeout(200) })).rejects.toMatchObject({
      code: 'driver_unavailable',
    });
    await driver.stop(call);
    await expect(exec({ sandbox: call.sandbox, command: ['true'], signal: signal() })).rejects.toThrow('does not run');
  });

  it('probes ports from outside, and finds what listens on loopback alone', async () => {
    const call = await launch('httpd -p 8080 -h /tmp; httpd -p 127.0.0.1:9090 -h /tmp; sleep 600');
    const probe = service('tcp_probe');
    await until(() => probe({ sandbox: call.sandbox, port: 8080, signal: signal() }), Boolean);
    expect(await probe({ sandbox: call.sandbox, port: 9090, signal: signal() })).toBe(true);
    expect(await probe({ sandbox: call.sandbox, port: 7070, signal: signal() })).toBe(false);
  });

  it('makes, adopts and removes networks that are ours, and no others', async () => {
    const service_ = service('container_networks');
    const name = `tenon-net-${run}-a`;
    networks.push(name);
    const want = { name, subnet: '10.213.1.0/24', labels: { tenant: 'a' }, internal: false, signal: signal() };
    const [first, second] = await Promise.all([service_.ensure(want), service_.ensure(want)]);
    expect(first).toMatchObject({ name, subnet: '10.213.1.0/24', gateway: '10.213.1.1' });
    expect(second.id).toBe(first.id);
    expect((await service_.list()).find((one) => one.name === name)?.labels).toMatchObject({ tenant: 'a' });
    await expect(service_.ensure({ ...want, subnet: '10.213.2.0/24' })).rejects.toMatchObject({
      code: 'driver_failed',
      message: expect.stringContaining('10.213.1.0/24'),
    });
    await expect(service_.ensure({ ...want, name: `${name}-overlap` })).rejects.toMatchObject({ context: { hint: expect.stringContaining('subnet') } });
    const foreign = `tenon-foreign-${run}`;
    const theirs = await docker.createNetwork({ Name: foreign });
    try {
      await expect(service_.ensure({ ...want, name: foreign })).rejects.toThrow('not this installation');
      await expect(service_.remove({ name: foreign, signal: signal() })).rejects.toThrow('not this installation');
    } finally {
      await theirs.remove();
    }
    await service_.remove({ name, signal: signal() });
    await service_.remove({ name, signal: signal() });
    expect((await service_.list()).some((one) => one.name === name)).toBe(false);
  });

  it('joins networks with their addresses and aliases, several of them, and completes a half-joined container', async () => {
    const service_ = service('container_networks');
    const names = ['b', 'c'].map((letter) => `tenon-net-${run}-${letter}`);
    networks.push(...names);
    for (const [index, name] of names.entries())
      await service_.ensure({ name, subnet: `10.213.${10 + index}.0/24`, labels: {}, internal: true, signal: signal() });
    const joined: DockerNetwork[] = names.map((name, index) => ({ name, ipv4: `10.213.${10 + index}.7`, aliases: [`box-${index}`] }));
    const call = prepare('sleep 600', {}, { networks: joined });
    await driver.create(call);
    await docker.getNetwork(names[1] ?? '').disconnect({ Container: nameOf(call) });
    await driver.create(call);
    await driver.start(call);
    const attached = (await inspect(call)).NetworkSettings.Networks;
    expect(Object.keys(attached).sort()).toEqual([...names].sort());
    for (const { name, ipv4, aliases } of joined) {
      expect(attached[name]?.IPAddress).toBe(ipv4);
      expect(attached[name]?.Aliases).toEqual(expect.arrayContaining(aliases));
    }
    const twin = prepare('sleep 600', {}, { networks: joined.slice(0, 1) });
    await driver.create(twin);
    await expect(driver.start(twin)).rejects.toMatchObject({ code: 'driver_failed', context: { hint: expect.stringContaining('address') } });
    await expect(service_.remove({ name: names[0] ?? '', signal: signal() })).rejects.toThrow('cannot be removed');
    for (const one of [call, twin]) await driver.delete(one);
  });

  it('stores in named volumes, drops anonymous ones with the container, and sees through a volume that is a bind', async () => {
    const volumesBefore = (await docker.listVolumes()).Volumes.length;
    const config = (mounts: unknown): RequestOverrides => ({ template: { driverConfig: { docker: { mounts: mounts as never } } } });
    const call = await launch('echo x >/data/f && echo x >/scratch/f; echo y >/ro/f; sleep 600', {
      ...config([
        { type: 'volume', target: '/data', read_only: false },
        { type: 'tmpfs', target: '/scratch', size_bytes: 1_048_576 },
        { type: 'tmpfs', target: '/ro', read_only: true },
      ]),
    });
    expect(
      await until(
        () => logs(call),
        (text) => text !== '',
      ),
    ).toContain('Read-only');
    await driver.delete(call);
    expect((await docker.listVolumes()).Volumes.length).toBe(volumesBefore);
    const lacking = prepare('true', config([{ type: 'volume', source: `no-such-${run}`, target: '/data' }]));
    await expect(driver.create(lacking)).rejects.toMatchObject({ code: 'plan_invalid', message: expect.stringContaining(`no-such-${run}`) });
    expect((await docker.listVolumes()).Volumes.length).toBe(volumesBefore);
    const disguised = `tenon-bind-${run}`;
    await docker.createVolume({ Name: disguised, Driver: 'local', DriverOpts: { type: 'none', o: 'bind', device: '/tmp' } });
    try {
      const sly = prepare('true', config([{ type: 'volume', source: disguised, target: '/host' }]));
      await expect(driver.create(sly)).rejects.toMatchObject({ code: 'plan_invalid', context: { path: '/mounts/~1host' } });
      const opened = open({ enableBindMounts: true });
      await opened.create(sly);
      await opened.delete(sly);
      const nowhere = prepare(
        'true',
        {},
        { mounts: [{ target: '/x', type: 'bind', source: `/no/such/${run}`, readOnly: true, selinux: null, subpath: null, sizeBytes: null }] },
      );
      await expect(opened.create(nowhere)).rejects.toMatchObject({ context: { hint: expect.stringContaining('on the Docker host') } });
      await opened.close();
    } finally {
      await docker.getVolume(disguised).remove();
    }
  });

  it('knows a paused container as running and not ready, and stops it', async () => {
    const call = await launch('sleep 600');
    await docker.getContainer(nameOf(call)).pause();
    expect(await driver.inspect(call.sandbox, call.plan)).toMatchObject({ state: 'running', ready: false, reason: 'paused' });
    await driver.stop(call);
    expect((await driver.inspect(call.sandbox, call.plan)).state).toBe('exited');
  });

  it('takes a restart by hand for another instance', async () => {
    const call = await launch('sleep 600');
    const before = await driver.inspect(call.sandbox, call.plan);
    await docker.getContainer(nameOf(call)).restart({ t: 0 });
    const after = await driver.inspect(call.sandbox, call.plan);
    expect(after.state).toBe('running');
    expect(after.instance).not.toBe(before.instance);
  });

  it('says what this Engine lacks, and refuses it by name', async () => {
    const { features, version } = await driver.capabilities();
    expect(version).toMatch(/^docker \d/);
    const { health } = { health: await driver.health() };
    expect(health.detail).toContain('Engine');
    if (features.includes('cdi_devices')) return;
    expect(() => prepare('true', { gpu: { count: 1 } })).toThrow(
      expect.objectContaining({ code: 'validation_failed', context: expect.objectContaining({ pointer: '/gpu' }) }),
    );
    expect(() => prepare('true', { template: { driverConfig: { docker: { cdi_devices: ['nvidia.com/gpu=0'] } } } })).toThrow(
      /cdi_devices: Engine .* injects no CDI/,
    );
    const call = prepare('true', {}, { devices: [{ id: 'nvidia.com/gpu=0' }] });
    expect(driver.validate(call.plan).map((issue) => issue.path)).toEqual(['/devices/nvidia.com~1gpu=0']);
    await expect(driver.create(call)).rejects.toMatchObject({ code: 'plan_invalid' });
  });

  it('says so where no Engine answers', async () => {
    const nowhere = dockerDriver({ socketPath: `/no/such/${run}.sock`, installation });
    expect(await nowhere.health()).toMatchObject({ state: 'unavailable', detail: expect.stringContaining('cannot be reached') });
    expect((await nowhere.capabilities()).version).toContain('not known');
    await expect(nowhere.list()).rejects.toMatchObject({ code: 'driver_unavailable' });
    await nowhere.close();
  });
});
