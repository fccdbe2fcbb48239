import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const BUNDLE = join(root, 'apps', 'api', 'dist', 'main.mjs');
const GENERATED = join(root, 'packages', 'store', 'src', 'generated', 'client.ts');

/**
 * The product's built server, built anew where a source is younger than it: a journey must never prove yesterday's code. With
 * `TENON_SERVER_BUNDLE` the one that it names, as it is.
 */
export function builtServer(): string {
  const named = process.env.TENON_SERVER_BUNDLE;
  if (named !== undefined) return named;
  if (!existsSync(GENERATED)) run([join(root, 'node_modules', 'turbo', 'bin', 'turbo'), 'run', 'build', '--filter=@tenon/api...']);
  else if (!existsSync(BUNDLE) || youngestSource() > statSync(BUNDLE).mtimeMs) run([join(root, 'apps', 'api', 'build.mjs')]);
  return BUNDLE;
}

function run(args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the server cannot be built (${status}):\n${stdout}\n${stderr}`);
}

function youngestSource(): number {
  const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name, 'src'));
  return [...packages, join(root, 'apps', 'api', 'src')].filter((path) => existsSync(path)).reduce((youngest, path) => Math.max(youngest, youngestIn(path)), 0);
}

function youngestIn(directory: string): number {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .reduce((youngest, entry) => Math.max(youngest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}
