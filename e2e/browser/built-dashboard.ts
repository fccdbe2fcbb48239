import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtServer } from '../harness/built-server.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const BUILD = join(root, 'apps', 'web', '.next', 'BUILD_ID');
const SOURCES = ['apps/web/src', 'packages/contract/src', 'packages/vocabulary/src'];

/** Builds server and dashboard anew where a source is younger than what was built. With `TENON_SERVER_BUNDLE` the dashboard beside it, as it is. */
export function buildDashboard(): void {
  builtServer();
  if (process.env.TENON_SERVER_BUNDLE !== undefined) return;
  if (existsSync(BUILD) && youngestSource() <= statSync(BUILD).mtimeMs) return;
  const turbo = join(root, 'node_modules', 'turbo', 'bin', 'turbo');
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [turbo, 'run', 'build', '--filter=@tenon/web...'], { cwd: root, encoding: 'utf8', env });
  if (status !== 0) throw new Error(`the dashboard cannot be built (${status}):\n${stdout}\n${stderr}`);
}

function youngestSource(): number {
  return SOURCES.flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  ).reduce((youngest, time) => Math.max(youngest, time), 0);
}
