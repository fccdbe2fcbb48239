import { z } from 'zod';

/** What the operator gives. `socketPath` or `host`; neither: `DOCKER_HOST`, else the default socket. */
export interface DockerDriverOptions {
  readonly socketPath?: string;
  /** As `DOCKER_HOST`: `unix:///path` or `tcp://host:port`. */
  readonly host?: string;
  /** This installation's id: only its own containers and networks are ever touched. */
  readonly installation: string;
  /** Name that requests use; default `docker`. */
  readonly name?: string;
  /** Value of the label `openshell.ai/sandbox-namespace`; default `tenon`. */
  readonly namespace?: string;
  /** Lets requests and extensions bind host directories; default false. */
  readonly enableBindMounts?: boolean;
  /** No mount may cover it; default `/sandbox`. */
  readonly workspaceRoot?: string;
  /** Capabilities that a plan may add beside Docker's default set; default none. */
  readonly allowedCapabilities?: readonly string[];
  /** Between SIGTERM and SIGKILL, ms; default 10 s. */
  readonly stopGraceMs?: number;
  /** Longest wait for an answer of the Engine, ms; default 60 s. */
  readonly requestTimeoutMs?: number;
  /** How often everything is listed again for the watch, ms; default 30 s. */
  readonly relistMs?: number;
  /** Whether an absent image is pulled; default true. */
  readonly pullMissing?: boolean;
  /**
   * Puts the Engine's init before each command, where it has one: it passes signals on and collects orphans, so that a command without
   * handlers stops at once instead of after the grace. Default false, as Docker's: it makes a start dearer and hides a command that is missing.
   */
  readonly init?: boolean;
}

export interface DockerSettings {
  readonly address: EngineAddress;
  readonly installation: string;
  readonly name: string;
  readonly namespace: string;
  readonly enableBindMounts: boolean;
  readonly workspaceRoot: string;
  readonly allowedCapabilities: readonly string[];
  readonly stopGraceMs: number;
  readonly requestTimeoutMs: number;
  readonly relistMs: number;
  readonly pullMissing: boolean;
  readonly init: boolean;
}

/** Where the Engine listens. */
export type EngineAddress = { readonly kind: 'unix'; readonly path: string } | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const DEFAULT_SOCKET = '/var/run/docker.sock';

/** Reads `unix:///path`, `tcp://host:port` or `http://host:port`; null where it is none of these. */
export function parseAddress(host: string): EngineAddress | null {
  if (host.startsWith('unix://')) return { kind: 'unix', path: host.slice('unix://'.length) || DEFAULT_SOCKET };
  const url = URL.canParse(host) ? new URL(host) : null;
  if (url === null || !['tcp:', 'http:'].includes(url.protocol) || url.hostname === '') return null;
  return { kind: 'tcp', host: url.hostname, port: url.port === '' ? 2375 : Number(url.port) };
}

export function describeAddress(address: EngineAddress): string {
  return address.kind === 'unix' ? `unix://${address.path}` : `tcp://${address.host}:${address.port}`;
}

export function dockerSettings(options: DockerDriverOptions, env: Readonly<Record<string, string | undefined>>): DockerSettings {
  const host = options.socketPath === undefined ? (options.host ?? env.DOCKER_HOST ?? '') : `unix://${options.socketPath}`;
  const address = host === '' ? { kind: 'unix' as const, path: DEFAULT_SOCKET } : parseAddress(host);
  if (address === null) throw new TypeError(`"${host}" is no address of a Docker Engine: write unix:///path or tcp://host:port`);
  return {
    address,
    installation: options.installation,
    name: options.name ?? 'docker',
    namespace: options.namespace ?? 'tenon',
    enableBindMounts: options.enableBindMounts ?? false,
    workspaceRoot: options.workspaceRoot ?? '/sandbox',
    allowedCapabilities: options.allowedCapabilities ?? [],
    stopGraceMs: options.stopGraceMs ?? 10_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
    relistMs: options.relistMs ?? 30_000,
    pullMissing: options.pullMissing ?? true,
    init: options.init ?? false,
  };
}

/** What an Engine turned out to be; null where it was never asked with success. */
export interface EngineFacts {
  readonly version: string;
  readonly apiVersion: string;
  /** Whether it injects CDI devices: its own word, where it knows that word at all (Engine 25 and later). */
  readonly cdi: boolean;
  /** Whether a volume may be mounted by a subpath (API 1.45 and later). */
  readonly volumeSubpath: boolean;
  /** Whether it can put its own init before the command, which passes signals on and collects orphans. */
  readonly init: boolean;
}

/** The `driverConfig` block of a request: OpenShell's shape, snake_case and strict. */
export const dockerConfig = z.strictObject({
  cdi_devices: z.array(z.string()).optional(),
  mounts: z
    .array(
      z.strictObject({
        type: z.enum(['bind', 'volume', 'tmpfs'], { error: 'must be bind, volume or tmpfs: Docker has no other mounts' }),
        target: z.string(),
        source: z.string().optional(),
        read_only: z.boolean().optional(),
        subpath: z.string().optional(),
        selinux_label: z.enum(['shared', 'private']).optional(),
        size_bytes: z.int().optional(),
      }),
    )
    .optional(),
});
