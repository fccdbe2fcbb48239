import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compose, type Tenon } from './compose.ts';
import { loadSettings, SettingsError } from './config/load-settings.ts';
import type { Settings } from './config/settings.ts';
import { createLog } from './telemetry/log.ts';

/** The process: reads its settings, listens, and ends with 0 when it is told to. */

const say = (text: string) => process.stdout.write(`${text}\n`);

function versionOf(): string {
  // The same height from the source tree and from the built bundle.
  const about: unknown = JSON.parse(readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8'));
  return typeof about === 'object' && about !== null && 'version' in about && typeof about.version === 'string' ? about.version : '0.0.0';
}

async function start(): Promise<void> {
  const settings = await loadSettings(process.env, process.env.TENON_WORKING_DIR ?? process.cwd());
  const log = createLog(settings.logLevel);
  let tenon: Tenon | null = null;
  let toldAt: number | null = null;
  const stop = (signal: NodeJS.Signals) => {
    if (toldAt !== null) {
      // A terminal and npm both pass on the same Ctrl-C: only a later one is meant as a second.
      if (Date.now() - toldAt > 1_000) process.exit(1);
      return;
    }
    toldAt = Date.now();
    if (tenon === null) process.exit(0);
    log.info({ signal }, 'draining: runs in flight finish or are left resumable; once more ends at once');
    tenon.close().then(
      () => process.exit(0),
      (err: unknown) => {
        log.error({ err }, 'something did not end cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  tenon = await compose(settings, log, versionOf());
  try {
    await tenon.app.listen({ host: settings.host, port: settings.port });
  } catch (error) {
    await tenon.close();
    throw cannotListen(error, settings);
  }
  const address = tenon.app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : settings.port;
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  say(`Tenon is at ${settings.publicUrl ?? `http://${host}:${port}`}`);
  if (tenon.bootstrapToken !== null) say(`Sign in with this admin token, shown this once: ${tenon.bootstrapToken}`);
}

function cannotListen(error: unknown, { host, port }: Settings): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'EADDRINUSE') return new SettingsError('TENON_PORT', [`port ${port} of ${host} is in use; stop what listens there, or choose another port`]);
  if (code === 'EACCES') return new SettingsError('TENON_PORT', [`port ${port} of ${host} may not be used by this account; choose one above 1023`]);
  if (code === 'EADDRNOTAVAIL') return new SettingsError('TENON_HOST', [`${host} is no address of this machine`]);
  return error;
}

start().catch((error: unknown) => {
  const known = error instanceof SettingsError || (error instanceof Error && error.name === 'TenonError');
  process.stderr.write(
    `Tenon could not start: ${known ? (error as Error).message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
});
