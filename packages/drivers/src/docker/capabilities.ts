import type { DriverCapabilities } from '@tenon/lifecycle';
import { PHASE_NAMES } from '@tenon/vocabulary';
import type { DockerSettings, EngineFacts } from './config.ts';
import type { EngineApi } from './engine-api.ts';

interface Version {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly Components?: readonly { readonly Name: string }[];
}
interface Info {
  /** Engine 25 and later, and only where CDI is on. */
  readonly CDISpecDirs?: readonly string[] | null;
}

/** Asks an Engine what it is. */
export async function askEngine(api: EngineApi): Promise<EngineFacts> {
  const [version, info] = await Promise.all([api.json<Version>({ method: 'GET', path: ['version'] }), api.json<Info>({ method: 'GET', path: ['info'] })]);
  return {
    version: version.Version,
    apiVersion: version.ApiVersion,
    cdi: (info.CDISpecDirs ?? []).length > 0,
    volumeSubpath: atLeast(version.ApiVersion, 1, 45),
    init: (version.Components ?? []).some((component) => component.Name === 'docker-init'),
  };
}

export function atLeast(version: string, major: number, minor: number): boolean {
  const [ourMajor, ourMinor] = version.split('.').map(Number);
  return ourMajor !== undefined && ourMinor !== undefined && (ourMajor > major || (ourMajor === major && ourMinor >= minor));
}

/** Pure. Features that depend on the Engine are there only once it has said so. */
export function dockerCapabilities(settings: DockerSettings, facts: EngineFacts | null): DriverCapabilities {
  return {
    operations: ['create', 'start', 'stop', 'delete', 'reconcile', 'preview'],
    // Restart policies are off and a lost container is never relaunched: an exit is final.
    phases: PHASE_NAMES.filter((phase) => phase !== 'before_restore' && phase !== 'after_restore'),
    features: [
      'healthcheck',
      'static_addresses',
      ...(settings.enableBindMounts ? ['bind_mounts'] : []),
      ...(facts?.cdi === true ? ['cdi_devices'] : []),
      ...(facts?.volumeSubpath === true ? ['volume_subpath'] : []),
    ],
    limits: { nameLength: 200 },
    services: ['exec', 'tcp_probe', 'container_networks'],
    isolation: 'container',
    version: facts === null ? 'docker, version not known: it has not answered yet' : `docker ${facts.version} (API ${facts.apiVersion})`,
  };
}
