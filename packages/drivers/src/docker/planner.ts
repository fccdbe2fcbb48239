import type { PlanSchema, SandboxRequest, SecretRef } from '@tenon/lifecycle';
import { backendName, identityLabels, listPoint, ownedEnvironment, point, RESERVED_IDENTITY } from '../plan-parts/identity.ts';
import { cpuMillis, memoryBytes } from '../plan-parts/quantity.ts';
import { readConfig, refuse, refuseUnsupported } from '../plan-parts/refusals.ts';
import { type DockerSettings, dockerConfig, type EngineFacts } from './config.ts';
import { mountIssue } from './mount-rules.ts';

export interface DockerMount {
  target: string;
  type: 'bind' | 'volume' | 'tmpfs';
  /** A host path for bind, a volume's name for volume (null: an anonymous one), null for tmpfs. */
  source: string | null;
  readOnly: boolean;
  selinux: 'shared' | 'private' | null;
  /** Inside a volume only. */
  subpath: string | null;
  /** tmpfs only. */
  sizeBytes: number | null;
}

export interface DockerNetwork {
  name: string;
  /** Null: the Engine chooses. */
  ipv4: string | null;
  aliases: string[];
}

/** What the docker driver applies. Null leaves a part to the image or the Engine. */
export interface DockerPlan {
  name: string;
  image: string;
  command: string[];
  entrypoint: string[] | null;
  user: string | null;
  workdir: string | null;
  tty: boolean;
  env: Record<string, string | SecretRef>;
  labels: Record<string, string>;
  mounts: DockerMount[];
  /** None: the Engine's default bridge. */
  networks: DockerNetwork[];
  resources: { cpuMillis: number | null; memoryBytes: number | null; pids: number | null };
  devices: { id: string }[];
  security: { capAdd: string[]; capDrop: string[]; readOnlyRoot: boolean; noNewPrivileges: boolean };
  restart: 'no';
}

export const DOCKER_SCHEMA: PlanSchema = {
  kind: 'docker',
  lists: [
    { path: '/mounts', key: ['target'], ordered: false },
    { path: '/networks', key: ['name'], ordered: false },
    { path: '/networks/*/aliases', key: 'set', ordered: false },
    { path: '/devices', key: ['id'], ordered: false },
    { path: '/security/capAdd', key: 'set', ordered: false },
    { path: '/security/capDrop', key: 'set', ordered: false },
  ],
  points: [
    point('docker.env', '/env', 'map', ['prepare_plan', 'before_create']),
    point('docker.labels', '/labels', 'map', ['prepare_plan']),
    listPoint('docker.mounts', '/mounts', ['target'], ['prepare_plan']),
    // Late: an effect fills it, an address or a network that was made for this sandbox.
    listPoint('docker.networks', '/networks', ['name'], ['before_create']),
    point('docker.resources', '/resources', 'singleton', ['prepare_plan']),
    listPoint('docker.devices', '/devices', ['id'], ['prepare_plan']),
    point('docker.security', '/security', 'singleton', ['prepare_plan']),
  ],
  reserved: [...RESERVED_IDENTITY, '/env/PATH', '/image', '/command', '/entrypoint', '/user', '/workdir', '/tty', '/restart'],
  secrets: ['/env/*'],
  neutral: { env: 'docker.env', labels: 'docker.labels', resources: 'docker.resources' },
};

/** Names that Docker takes; it cuts none, so a longer one is refused. */
const NAME_MAX = 200;
const CONTAINER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Of Docker's default capabilities those that a sandbox has no use for: raw sockets, device nodes, file capabilities, the audit log. */
const DROPPED = ['AUDIT_WRITE', 'MKNOD', 'NET_RAW', 'SETFCAP'];
const DEFAULT_PIDS = 4096;

/** Pure: request to plan revision 0. `facts` is what is known of the Engine; unknown refuses nothing here, the client asks before it creates. */
export function planDocker(settings: DockerSettings, facts: EngineFacts | null, request: SandboxRequest, sandboxId: string): DockerPlan {
  const driver = settings.name;
  refuseUnsupported(request, driver, {
    cpuRequest: 'reserves nothing: a Docker host has no scheduler; cpuLimit is what it knows',
    memoryRequest: 'reserves nothing: a Docker host has no scheduler; memoryLimit is what it knows',
  });
  const { image, resources } = request.template;
  if (image === null || image === '') refuse('/template/image', `image: driver ${driver} needs one`, 'name an image, e.g. busybox:1');
  const name = backendName(request, sandboxId);
  if (name.length > NAME_MAX || !CONTAINER_NAME.test(name)) {
    refuse('/name', `"${name}" is no name for a container: at most ${NAME_MAX} of letters, digits, _ . -`, 'shorten or simplify name, workspace or id');
  }
  const config = readConfig(dockerConfig, driver, request.template.driverConfig[driver]);
  const mounts = (config.mounts ?? []).map((mount, index) => {
    const planned: DockerMount = {
      target: mount.target,
      type: mount.type,
      source: mount.source ?? null,
      readOnly: mount.read_only ?? mount.type !== 'tmpfs',
      selinux: mount.selinux_label ?? null,
      subpath: mount.subpath ?? null,
      sizeBytes: mount.size_bytes ?? null,
    };
    const issue = mountIssue(planned, settings, facts);
    if (issue !== null) refuse(`/template/driverConfig/${driver}/mounts/${index}`, `mounts: ${issue.message}`, issue.hint);
    return planned;
  });
  return {
    name,
    image,
    command: [...request.command],
    entrypoint: null,
    user: null,
    workdir: null,
    tty: request.tty,
    env: { ...request.template.environment, ...request.environment, ...ownedEnvironment(request, sandboxId) },
    labels: { ...request.template.labels, ...identityLabels(request, sandboxId, settings) },
    mounts,
    networks: [],
    resources: {
      cpuMillis: resources.cpuLimit === undefined ? null : cpuMillis(resources.cpuLimit, '/template/resources/cpuLimit'),
      memoryBytes: resources.memoryLimit === undefined ? null : memoryBytes(resources.memoryLimit, '/template/resources/memoryLimit'),
      pids: DEFAULT_PIDS,
    },
    devices: devicesOf(settings, facts, request, config.cdi_devices),
    security: { capAdd: [], capDrop: [...DROPPED], readOnlyRoot: false, noNewPrivileges: true },
    restart: 'no',
  };
}

function devicesOf(settings: DockerSettings, facts: EngineFacts | null, request: SandboxRequest, named: readonly string[] | undefined): DockerPlan['devices'] {
  const gpus = request.gpu?.count ?? 0;
  if (facts !== null && !facts.cdi) {
    const why = `Engine ${facts.version} injects no CDI devices`;
    if (gpus > 0) refuse('/gpu', `gpu: ${why}`, 'leave gpu out, or use an Engine with CDI enabled');
    if (named !== undefined && named.length > 0) {
      refuse(`/template/driverConfig/${settings.name}/cdi_devices`, `cdi_devices: ${why}`, 'leave cdi_devices out, or use an Engine with CDI enabled');
    }
  }
  const ids = [...(named ?? []), ...Array.from({ length: gpus }, (_, index) => `nvidia.com/gpu=${index}`)];
  return [...new Set(ids)].map((id) => ({ id }));
}
