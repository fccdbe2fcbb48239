// `npm start`: builds where nothing is built yet, showing what it does, then runs the server in this very process.
import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { env } = process;
const withWeb = env.TENON_WEB !== 'off';

/** What a build leaves behind, by the part that makes it. */
const RESULTS = [
  { part: 'the store client', path: 'packages/store/src/generated/client.ts' },
  { part: 'the API', path: 'apps/api/dist/main.mjs' },
  ...(withWeb ? [{ part: 'the dashboard', path: 'apps/web/.next/BUILD_ID' }] : []),
];

function refuse(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

function run(command, args) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      env: { ...env, TURBO_TELEMETRY_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
    });
    child.once('error', (error) => refuse(`${command} could not be run: ${error.message}. Is everything installed? Run \`npm ci\`.`));
    child.once('exit', (code, signal) => done(code ?? (signal === null ? 1 : 130)));
  });
}

/** When a source of the server was changed last, epoch ms; tests and what is generated do not count. */
async function newestSource() {
  const packages = await readdir(join(root, 'packages'));
  const folders = [join(root, 'apps', 'api', 'src'), ...packages.map((name) => join(root, 'packages', name, 'src'))].filter((path) => existsSync(path));
  const times = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const sources = entries.filter((entry) => entry.isFile() && /(?<!\.test)\.ts$/.test(entry.name) && !entry.parentPath.includes('generated'));
      return Math.max(0, ...sources.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
    }),
  );
  return Math.max(...times);
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) refuse(`Tenon needs Node 20.19 or later; this is ${process.versions.node}.`);
if (!existsSync(join(root, 'node_modules'))) refuse('Nothing is installed yet: run `npm ci` first.');

const missing = RESULTS.filter(({ path }) => !existsSync(join(root, path)));
if (missing.length > 0) {
  process.stdout.write(`Building ${missing.map(({ part }) => part).join(', ')}: not built yet. This takes a minute or two, once.\n`);
  const code = await run(process.execPath, [
    join(root, 'node_modules', 'turbo', 'bin', 'turbo'),
    'run',
    'build',
    `--filter=@tenon/${withWeb ? 'web' : 'api'}...`,
  ]);
  if (code !== 0) refuse(`The build failed (${code}); its output is above.`);
  const still = RESULTS.filter(({ path }) => !existsSync(join(root, path)));
  if (still.length > 0) refuse(`The build ended without ${still.map(({ path }) => path).join(', ')}.`);
}

if (missing.length === 0 && (await newestSource()) > statSync(join(root, 'apps/api/dist/main.mjs')).mtimeMs) {
  process.stdout.write('Sources are newer than the build that runs now; `npm run build` brings it up to date.\n');
}

// Next decides by it, before it is loaded.
env.NODE_ENV ??= 'production';
await import(pathToFileURL(join(root, 'apps', 'api', 'dist', 'main.mjs')).href);
