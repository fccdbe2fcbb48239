import { toTenonError } from '@tenon/lifecycle';
import { askEngine } from './capabilities.ts';
import { describeAddress, dockerSettings } from './config.ts';
import { EngineApi } from './engine-api.ts';

/** How long an Engine may take to answer before it counts as absent, ms. */
const ANSWER_MS = 3_000;

/** Whether a Docker Engine answers at the `DOCKER_HOST` of this environment, or at the default socket; and where not, why. */
export async function detectDocker(
  env: Readonly<Record<string, string | undefined>>,
): Promise<
  { readonly found: true; readonly host: string; readonly version: string } | { readonly found: false; readonly host: string; readonly reason: string }
> {
  try {
    const { address } = dockerSettings({ installation: 'detection' }, env);
    const host = describeAddress(address);
    try {
      return { found: true, host, version: (await askEngine(new EngineApi(address, ANSWER_MS))).version };
    } catch (thrown) {
      return { found: false, host, reason: toTenonError(thrown, 'driver_unavailable').message };
    }
  } catch (thrown) {
    return { found: false, host: env.DOCKER_HOST ?? '', reason: toTenonError(thrown, 'driver_unavailable').message };
  }
}
