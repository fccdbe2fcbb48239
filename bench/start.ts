import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BackendAbsent, median, type Outcome } from './figures.ts';
import { freePort, startServer } from './loopback.ts';

const READY = { name: 'ready', unit: 'ms', bound: '<=', limit: 8_000 } as const;
const MEMORY = { name: 'memory', unit: 'mb', bound: '<=', limit: 600 } as const;
const STARTS = 3;
/** How long it may settle, and be looked at, before its memory is read. */
const SETTLE_MS = 5_000;

/** `npm start` of a built tree with its embedded database: the time to /readyz, and what API, web and database then hold of memory together. */
export async function start(): Promise<readonly Outcome[]> {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const missing = ['apps/api/dist/main.mjs', 'apps/web/.next/BUILD_ID'].filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) throw new BackendAbsent('build', `not built: ${missing.join(', ')}; run \`npm run build\``);
  const place = await mkdtemp(join(tmpdir(), 'tenon-bench-start-'));
  await chmod(place, 0o755);
  try {
    const times: number[] = [];
    let memory = { mb: 0, detail: '' };
    // The first start makes the database as well; every start after it is what people wait for.
    for (let i = 0; i <= STARTS; i += 1) {
      const port = await freePort();
      const dataDir = join(place, 'data');
      const environment = {
        TENON_PORT: String(port),
        TENON_DATA_DIR: dataDir,
        TENON_LOG_LEVEL: 'warn',
        TENON_WORKING_DIR: place,
        DATABASE_URL: '',
        NODE_ENV: 'production',
      };
      const server = await startServer(join(root, 'tools', 'start', 'start.mjs'), environment, port, '/readyz');
      times.push(server.readyMs);
      if (i === STARTS) memory = await memoryOf(server.pid, dataDir, port);
      await server.stop();
    }
    const [first = 0, ...others] = times;
    const ready = {
      goal: READY,
      figure: median(others),
      detail: `first start with a new database ${Math.round(first)} ms, then ${others.map(Math.round).join(', ')} ms`,
    };
    return [ready, { goal: MEMORY, figure: memory.mb, detail: memory.detail }];
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

async function memoryOf(server: number, dataDir: string, port: number): Promise<{ mb: number; detail: string }> {
  // What is asked for once has been loaded: the pages that everybody sees first.
  for (const path of ['/', '/api/v1/openapi.json', '/metrics']) await (await fetch(`http://127.0.0.1:${port}${path}`)).arrayBuffer();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const all = await processes();
  const children = withChildren([server], all);
  const postmaster = Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0]);
  const database = withChildren([postmaster], all);
  const [product, postgres] = [await held(children), await held(database)];
  return {
    mb: product + postgres,
    detail: `API and web in one process ${Math.round(product)} MB, PostgreSQL ${Math.round(postgres)} MB, shared pages counted once`,
  };
}

async function processes(): Promise<ReadonlyMap<number, number>> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = /\) \S (\d+)/.exec(stat)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  return parents;
}

function withChildren(roots: readonly number[], parents: ReadonlyMap<number, number>): ReadonlySet<number> {
  const found = new Set(roots);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return found;
}

/** Resident memory, MB, each shared page divided among those that share it: PostgreSQL's processes all map the same buffers. */
async function held(pids: ReadonlySet<number>): Promise<number> {
  let kilobytes = 0;
  for (const pid of pids) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    kilobytes += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  }
  return kilobytes / 1024;
}
