import { aRequest, type RequestOverrides } from '@tenon/lifecycle/testing';
import { describe, expect, it } from 'vitest';
import { dockerSettings, type EngineFacts } from './config.ts';
import { dockerIssues } from './plan-rules.ts';
import { type DockerPlan, planDocker } from './planner.ts';

const settings = dockerSettings({ socketPath: '/s', installation: 'inst' }, {});
const facts: EngineFacts = { version: '20.10.24', apiVersion: '1.41', cdi: false, volumeSubpath: false, init: true };
const newer: EngineFacts = { ...facts, version: '28.2.2', apiVersion: '1.50', cdi: true, volumeSubpath: true };
const planOf = (overrides: RequestOverrides = {}, known: EngineFacts | null = facts): DockerPlan => planDocker(settings, known, aRequest(overrides), 'id-1');
const withConfig = (block: object): RequestOverrides => ({ template: { driverConfig: { docker: block as never } } });

describe('the docker planner', () => {
  it('plans the whole shape', () => {
    const plan = planOf({
      template: { resources: { cpuLimit: '500m', memoryLimit: '128Mi' }, labels: { team: 'a' }, environment: { A: 'template' } },
      environment: { A: 'spec' },
    });
    expect(plan).toEqual({
      name: 'openshell-default--demo-id-1',
      image: 'busybox:1',
      command: ['sleep', '3600'],
      entrypoint: null,
      user: null,
      workdir: null,
      tty: false,
      env: { A: 'spec', TENON_SANDBOX_ID: 'id-1', TENON_SANDBOX_NAME: 'demo', TENON_WORKSPACE: 'default' },
      labels: {
        team: 'a',
        'openshell.ai/managed-by': 'openshell',
        'openshell.ai/sandbox-id': 'id-1',
        'openshell.ai/sandbox-name': 'demo',
        'openshell.ai/sandbox-namespace': 'tenon',
        'openshell.ai/sandbox-workspace': 'default',
        'tenon.dev/sandbox-id': 'id-1',
        'tenon.dev/installation': 'inst',
      },
      mounts: [],
      networks: [],
      resources: { cpuMillis: 500, memoryBytes: 134_217_728, pids: 4096 },
      devices: [],
      security: { capAdd: [], capDrop: ['AUDIT_WRITE', 'MKNOD', 'NET_RAW', 'SETFCAP'], readOnlyRoot: false, noNewPrivileges: true },
      restart: 'no',
    });
    expect(dockerIssues(plan as never, settings, facts)).toEqual([]);
  });

  it('takes OpenShell’s driver_config: mounts read-only unless said otherwise, devices by their CDI names', () => {
    const block = { cdi_devices: ['vendor.com/nic=1'], mounts: [{ type: 'volume', source: 'cache', target: '/cache', subpath: 'a/b' }] };
    const plan = planOf({ ...withConfig(block), gpu: { count: 2 } }, newer);
    expect(plan.devices).toEqual([{ id: 'vendor.com/nic=1' }, { id: 'nvidia.com/gpu=0' }, { id: 'nvidia.com/gpu=1' }]);
    expect(plan.mounts).toEqual([{ target: '/cache', type: 'volume', source: 'cache', readOnly: true, selinux: null, subpath: 'a/b', sizeBytes: null }]);
    expect(planOf(withConfig({ mounts: [{ type: 'tmpfs', target: '/scratch' }] })).mounts[0]?.readOnly).toBe(false);
  });

  it.each<[string, RequestOverrides, string]>([
    ['no image', { template: { image: null } }, '/template/image'],
    ['a CPU request', { template: { resources: { cpuRequest: '1' } } }, '/template/resources/cpuRequest'],
    ['a memory request', { template: { resources: { memoryRequest: '1Gi' } } }, '/template/resources/memoryRequest'],
    ['a GPU without CDI', { gpu: { count: 1 } }, '/gpu'],
    ['CDI devices without CDI', withConfig({ cdi_devices: ['a.b/c=d'] }), '/template/driverConfig/docker/cdi_devices'],
    ['an image mount', withConfig({ mounts: [{ type: 'image', target: '/x' }] }), '/template/driverConfig/docker/mounts/0/type'],
    ['a bind where binds are off', withConfig({ mounts: [{ type: 'bind', source: '/srv/x', target: '/x' }] }), '/template/driverConfig/docker/mounts/0'],
    ['a name too long', { name: 'n'.repeat(190) }, '/name'],
    ['a name that Docker cannot carry', { workspace: 'a/b' }, '/name'],
  ])('refuses %s by name', (_what, overrides, pointer) => {
    expect(() => planOf(overrides)).toThrow(expect.objectContaining({ code: 'validation_failed', context: expect.objectContaining({ pointer }) }));
  });

  it('refuses camelCase in driver_config as unknown', () => {
    expect(() => planOf(withConfig({ mounts: [{ type: 'tmpfs', target: '/x', readOnly: true }] }))).toThrow(
      expect.objectContaining({ code: 'unknown_field', context: expect.objectContaining({ pointer: '/template/driverConfig/docker/mounts/0/readOnly' }) }),
    );
  });
});

describe('the rules of a whole plan', () => {
  const issues = (change: Partial<Record<keyof DockerPlan, unknown>>, known: EngineFacts | null = facts) =>
    dockerIssues({ ...planOf(), ...change } as never, settings, known).map((issue) => issue.path);
  const mount = { target: '/data', type: 'volume', source: 'v', readOnly: true, selinux: null };
  const security = planOf().security;

  it.each<[object, string]>([
    [{ env: { 'A=B': 'x' } }, '/env/A=B'],
    [{ env: { A: 'nul\0' } }, '/env/A'],
    [{ labels: { a: 1 } }, '/labels/a'],
    [{ mounts: [mount, { ...mount, source: 'w' }] }, '/mounts/~1data'],
    [{ mounts: [{ ...mount, target: 'data' }] }, '/mounts/data/target'],
    [{ networks: [{ name: 'host', ipv4: null, aliases: [] }] }, '/networks/host'],
    [{ networks: [{ name: 'n', ipv4: '10.0.0.300', aliases: [] }] }, '/networks/n/ipv4'],
    [{ networks: [{ name: 'n', ipv4: null, aliases: ['-'] }] }, '/networks/n/aliases'],
    [{ networks: [{ name: 'n', ipv4: null, aliases: [], extra: 1 }] }, '/networks/n/extra'],
    [{ resources: { cpuMillis: 0, memoryBytes: null, pids: null } }, '/resources/cpuMillis'],
    [{ resources: { cpuMillis: null, memoryBytes: 1024, pids: null } }, '/resources/memoryBytes'],
    [{ devices: [{ id: 'a.b/c=d' }] }, '/devices/a.b~1c=d'],
    [{ security: { ...security, capAdd: ['SYS_ADMIN'] } }, '/security/capAdd'],
    [{ security: { ...security, capAdd: ['ALL'] } }, '/security/capAdd'],
    [{ security: { ...security, capDrop: ['cap_net_raw'] } }, '/security/capDrop/0'],
    [{ security: { ...security, privileged: true } }, '/security/privileged'],
    [{ restart: 'always' }, '/restart'],
  ])('finds what is wrong with %j', (change, path) => expect(issues(change)).toContain(path));

  it('takes what an extension may well set', () => {
    expect(
      issues(
        {
          mounts: [mount],
          networks: [{ name: 'tenant-a', ipv4: '10.30.0.5', aliases: ['box'] }],
          devices: [{ id: 'nvidia.com/gpu=0' }],
          security: { ...security, capAdd: ['NET_BIND_SERVICE'], capDrop: ['ALL'], readOnlyRoot: true },
        },
        newer,
      ),
    ).toEqual([]);
  });

  it('lets the operator allow more capabilities', () => {
    const wider = dockerSettings({ socketPath: '/s', installation: 'inst', allowedCapabilities: ['NET_ADMIN'] }, {});
    expect(dockerIssues({ ...planOf(), security: { ...security, capAdd: ['NET_ADMIN'] } } as never, wider, facts)).toEqual([]);
  });
});
