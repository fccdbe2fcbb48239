import { aRequest } from '@tenon/lifecycle/testing';
import { describe, expect, it } from 'vitest';
import { dockerSettings } from './config.ts';
import { type DockerPlan, planDocker } from './planner.ts';
import { createBody } from './spec.ts';

const settings = dockerSettings({ socketPath: '/s', installation: 'inst' }, {});
const plan = (change: Partial<DockerPlan> = {}): DockerPlan => ({ ...planDocker(settings, null, aRequest(), 'id-1'), ...change });

describe('the body of a create', () => {
  it('leaves to image and Engine what the plan leaves to them', () => {
    const body = createBody(plan({ command: [] }), {}, false);
    expect(body).not.toHaveProperty('Cmd');
    expect(body).not.toHaveProperty('Entrypoint');
    expect(body).not.toHaveProperty('User');
    expect(body.HostConfig).not.toHaveProperty('Memory');
    expect(body.HostConfig).not.toHaveProperty('Init');
    expect(body.HostConfig?.NetworkMode).toBe('bridge');
  });

  it('is never privileged, restarts never, and gives no new privileges', () => {
    const { HostConfig: host } = createBody(plan(), {}, true);
    expect(host).toMatchObject({ Privileged: false, RestartPolicy: { Name: 'no' }, SecurityOpt: ['no-new-privileges'], Init: true });
  });

  it('bounds memory so that swap cannot stretch it', () => {
    const { HostConfig: host } = createBody(plan({ resources: { cpuMillis: 250, memoryBytes: 64_000_000, pids: 10 } }), {}, false);
    expect(host).toMatchObject({ NanoCpus: 250_000_000, Memory: 64_000_000, MemorySwap: 64_000_000, PidsLimit: 10 });
  });

  it('joins the first network at once, with address and aliases', () => {
    const networks = [
      { name: 'a', ipv4: '10.0.0.2', aliases: ['x'] },
      { name: 'b', ipv4: null, aliases: [] },
    ];
    const body = createBody(plan({ networks }), { A: '1=2', B: '' }, false);
    expect(body.HostConfig?.NetworkMode).toBe('a');
    expect(body.NetworkingConfig?.EndpointsConfig).toEqual({ a: { Aliases: ['x'], IPAMConfig: { IPv4Address: '10.0.0.2' } } });
    expect(body.Env).toEqual(['A=1=2', 'B=']);
  });

  it('mounts, and binds in the older form where a label is wanted', () => {
    const mounts: DockerPlan['mounts'] = [
      { target: '/a', type: 'bind', source: '/srv/a', readOnly: true, selinux: null, subpath: null, sizeBytes: null },
      { target: '/b', type: 'bind', source: '/srv/b', readOnly: false, selinux: 'private', subpath: null, sizeBytes: null },
      { target: '/c', type: 'tmpfs', source: null, readOnly: false, selinux: null, subpath: null, sizeBytes: 4096 },
      { target: '/d', type: 'volume', source: 'v', readOnly: true, selinux: null, subpath: 'x', sizeBytes: null },
    ];
    const { HostConfig: host } = createBody(plan({ mounts }), {}, false);
    expect(host?.Binds).toEqual(['/srv/b:/b:rw,Z,rprivate']);
    expect(host?.Mounts).toEqual([
      { Type: 'bind', Target: '/a', Source: '/srv/a', ReadOnly: true, BindOptions: { Propagation: 'rprivate' } },
      { Type: 'tmpfs', Target: '/c', Source: '', ReadOnly: false, TmpfsOptions: { SizeBytes: 4096, Mode: 0o1777 } },
      { Type: 'volume', Target: '/d', Source: 'v', ReadOnly: true, VolumeOptions: { Subpath: 'x' } },
    ]);
  });

  it('asks for devices by CDI', () => {
    expect(createBody(plan({ devices: [{ id: 'nvidia.com/gpu=0' }] }), {}, false).HostConfig?.DeviceRequests).toEqual([
      { Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=0'] },
    ]);
  });
});
