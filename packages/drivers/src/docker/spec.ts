import type { ContainerCreateOptions, HostConfig, MountSettings } from 'dockerode';
import type { DockerMount, DockerNetwork, DockerPlan } from './planner.ts';

/** The body of a create: pure, from the plan and the environment with its secrets resolved. */
export function createBody(plan: DockerPlan, env: Readonly<Record<string, string>>, init: boolean): ContainerCreateOptions {
  const [first] = plan.networks;
  return {
    Image: plan.image,
    ...(plan.command.length === 0 ? {} : { Cmd: plan.command }),
    ...(plan.entrypoint === null ? {} : { Entrypoint: plan.entrypoint }),
    ...(plan.user === null ? {} : { User: plan.user }),
    ...(plan.workdir === null ? {} : { WorkingDir: plan.workdir }),
    Tty: plan.tty,
    OpenStdin: false,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: plan.labels,
    HostConfig: hostConfig(plan, init),
    ...(first === undefined ? {} : { NetworkingConfig: { EndpointsConfig: { [first.name]: endpoint(first) } } }),
  };
}

function hostConfig(plan: DockerPlan, init: boolean): HostConfig {
  const { resources, security, mounts, devices } = plan;
  const labelled = mounts.filter((mount) => mount.selinux !== null);
  return {
    Mounts: mounts.filter((mount) => mount.selinux === null).map(mountSettings),
    // Only this older form of a bind takes an SELinux label.
    ...(labelled.length === 0 ? {} : { Binds: labelled.map(labelledBind) }),
    ...(resources.cpuMillis === null ? {} : { NanoCpus: resources.cpuMillis * 1_000_000 }),
    // As much memory and swap together as memory: a limit that swap cannot stretch.
    ...(resources.memoryBytes === null ? {} : { Memory: resources.memoryBytes, MemorySwap: resources.memoryBytes }),
    ...(resources.pids === null ? {} : { PidsLimit: resources.pids }),
    ...(devices.length === 0 ? {} : { DeviceRequests: [{ Driver: 'cdi', DeviceIDs: devices.map((device) => device.id) }] }),
    CapAdd: security.capAdd,
    CapDrop: security.capDrop,
    ReadonlyRootfs: security.readOnlyRoot,
    SecurityOpt: security.noNewPrivileges ? ['no-new-privileges'] : [],
    Privileged: false,
    RestartPolicy: { Name: plan.restart },
    NetworkMode: plan.networks[0]?.name ?? 'bridge',
    // Tenon reads the logs back, whatever the host's default is, and they must not fill its disk.
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    ...(init ? { Init: true } : {}),
  };
}

/** How a network is joined; those after the first are joined once the container is there. */
export function endpoint(network: DockerNetwork) {
  return { Aliases: network.aliases, ...(network.ipv4 === null ? {} : { IPAMConfig: { IPv4Address: network.ipv4 } }) };
}

function mountSettings(mount: DockerMount): MountSettings {
  const { type, target, source, readOnly } = mount;
  const subpath = mount.subpath ?? null;
  const sizeBytes = mount.sizeBytes ?? null;
  return {
    Type: type,
    Target: target,
    Source: source ?? '',
    ReadOnly: readOnly,
    ...(type === 'bind' ? { BindOptions: { Propagation: 'rprivate' } } : {}),
    ...(subpath === null ? {} : { VolumeOptions: { Subpath: subpath } as NonNullable<MountSettings['VolumeOptions']> }),
    ...(sizeBytes === null ? {} : { TmpfsOptions: { SizeBytes: sizeBytes, Mode: 0o1777 } }),
  };
}

function labelledBind(mount: DockerMount): string {
  return `${mount.source}:${mount.target}:${mount.readOnly ? 'ro' : 'rw'},${mount.selinux === 'shared' ? 'z' : 'Z'},rprivate`;
}
