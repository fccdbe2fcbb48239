import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Web } from './web.ts';

// From the source tree and from the built bundle the dashboard stands at different heights.
const CANDIDATES = ['../../../web', '../../web'];

/** The directory of the built dashboard, or null where nobody built it. */
export function builtWeb(): string | null {
  const here = dirname(fileURLToPath(import.meta.url));
  return CANDIDATES.map((path) => resolve(here, path)).find((path) => existsSync(join(path, '.next', 'BUILD_ID'))) ?? null;
}

/** Next's production server on the built dashboard, without a port of its own. */
export async function openWeb(dir: string, address: { readonly host: string; readonly port: number }): Promise<Web> {
  // Loaded here only: it is heavy, and an API without a dashboard does without it.
  const { nextServer } = await import('./next-server.mjs');
  const app = nextServer({ dev: false, dir, hostname: address.host, port: address.port });
  await app.prepare();
  const handle = app.getRequestHandler();
  return new Web(
    (request, response) => handle(request, response),
    () => app.close(),
  );
}
