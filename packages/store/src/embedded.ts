import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, open, readdir, readFile, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { TenonError } from '@tenon/lifecycle';
import pg from 'pg';
import { binaries, clusterHome, type ServerAccount, serverAccount } from './embedded-place.ts';
import { keptText } from './kept-file.ts';

export interface EmbeddedOptions {
  readonly dataDir: string;
  readonly log: (line: string) => void;
}
export interface Embedded {
  readonly databaseUrl: string;
  /** Ends the server cleanly; does nothing where another living Tenon of this data directory has it. */
  stop(): Promise<void>;
}

const USER = 'tenon';
const DATABASE = 'tenon';
const START_MS = 60_000;
const STOP_MS = 30_000;
const LOG_BYTES = 8 * 1024 * 1024;

interface Place {
  /** The cluster: made whole or not at all. */
  readonly cluster: string;
  readonly dataDir: string;
  readonly password: string;
  readonly account: ServerAccount | null;
  readonly native: string;
  readonly log: (line: string) => void;
}

/**
 * PostgreSQL of its own, in the data directory, on a random loopback port with a generated password. The server is no child that dies
 * with this process: after a SIGKILL it goes on, and the next start adopts it.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const dataDir = resolve(options.dataDir);
  // Only the data directory itself is closed, not what had to be made on the way to it.
  await mkdir(dirname(dataDir), { recursive: true });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const account = await serverAccount();
  const home = await clusterHome(dataDir, account);
  if (home !== dataDir) options.log(`the account "postgres" cannot reach ${dataDir}: the database lives in ${home}`);
  const place: Place = {
    cluster: join(home, 'postgres'),
    dataDir,
    password: await keptText(join(dataDir, 'postgres.password'), () => randomBytes(24).toString('base64url')),
    account,
    native: await binaries(dataDir, account),
    log: options.log,
  };
  if (!existsSync(join(place.cluster, 'PG_VERSION'))) await initialise(place);
  const running = await adopt(place);
  const port = running ?? (await start(place));
  await createDatabase(place, port);
  const owns = await becomeOwner(dataDir);
  return {
    databaseUrl: urlOf(place, port, DATABASE),
    stop: async () => {
      if (owns) await stop(place);
    },
  };
}

function urlOf(place: Place, port: number, database: string): string {
  return `postgresql://${USER}:${place.password}@127.0.0.1:${port}/${database}`;
}

/** initdb into a directory beside, renamed when it is whole: a process killed in between leaves nothing half made. */
async function initialise(place: Place): Promise<void> {
  if (existsSync(place.cluster)) {
    throw new TenonError('store_unavailable', `${place.cluster} exists but is no database cluster (it has no PG_VERSION).`, {
      hint: 'Move it away, or choose another TENON_DATA_DIR.',
    });
  }
  place.log('making a new database');
  await clearUnfinished(place);
  const fresh = `${place.cluster}.new.${process.pid}`;
  const passwordFile = `${place.cluster}.pw.${process.pid}`;
  await mkdir(fresh, { mode: 0o700 });
  await writeFile(passwordFile, place.password, { mode: 0o600 });
  if (place.account !== null) {
    await chown(fresh, place.account.uid, place.account.gid);
    await chown(passwordFile, place.account.uid, place.account.gid);
  }
  try {
    await initdb(place, [`--pgdata=${fresh}`, `--username=${USER}`, `--pwfile=${passwordFile}`]);
  } finally {
    await rm(passwordFile, { force: true });
  }
  try {
    await rename(fresh, place.cluster);
  } catch (error) {
    // Another process that starts at the same moment was faster: its cluster has the same password.
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(join(place.cluster, 'PG_VERSION'))) throw error;
  }
}

/** What a first start left that was killed on its way; one that is still on its way keeps its own. */
async function clearUnfinished(place: Place): Promise<void> {
  const home = dirname(place.cluster);
  for (const name of await readdir(home)) {
    const pid = /^postgres\.new\.(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid)))) await rm(join(home, name), { recursive: true, force: true });
  }
}

async function initdb(place: Place, args: readonly string[]): Promise<void> {
  const child = spawn(join(place.native, 'bin', 'initdb'), [...args, '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C'], {
    ...place.account,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString('utf8')}`.slice(-2000);
  });
  const code = await ended(child);
  if (code !== 0) throw new TenonError('store_unavailable', `initdb ended with ${String(code)}: ${said.trim()}`);
}

/** Settles with the exit code; rejects where the program could not be run at all. */
function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolveEnd, reject) => {
    child.once('error', (error) => reject(new TenonError('store_unavailable', `PostgreSQL could not be run: ${error.message}`, {}, error)));
    child.once('exit', (code) => resolveEnd(code));
  });
}

/** The port of a server of this cluster that is up already; what its lock file names but is not ours is cleared away. */
async function adopt(place: Place): Promise<number | null> {
  const found = await lockFile(place);
  if (found === null) return null;
  if (!(await isOurs(found.pid, place))) {
    place.log(`removing the lock file that process ${found.pid} left behind`);
    await rm(join(place.cluster, 'postmaster.pid'), { force: true });
    return null;
  }
  if (await answers(place, found.port, START_MS, () => isOurs(found.pid, place))) {
    place.log(`adopted the database server that was still running (process ${found.pid}, port ${found.port})`);
    return found.port;
  }
  place.log(`the database server that was still running (process ${found.pid}) does not answer: ending it`);
  await stop(place);
  return null;
}

async function lockFile(place: Place): Promise<{ readonly pid: number; readonly port: number } | null> {
  const path = join(place.cluster, 'postmaster.pid');
  if (!existsSync(path)) return null;
  const [pid, , , port] = (await readFile(path, 'utf8')).split('\n').map(Number);
  return pid === undefined || !Number.isSafeInteger(pid) || pid <= 1 ? null : { pid, port: port ?? 0 };
}

/** A postmaster's working directory is its cluster; where that cannot be read, a living process of that id must do. */
async function isOurs(pid: number, place: Place): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (!existsSync('/proc/self/cwd')) return true;
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(place.cluster));
  } catch {
    // Gone meanwhile, or another user's: not ours.
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function start(place: Place): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    const child = await launch(place, port);
    let exited = false;
    const end = ended(child).then((code) => {
      exited = true;
      return code;
    });
    // Seen below by `exited`; a program that cannot be run rejects there.
    const failed = end.then(() => undefined);
    failed.catch(() => undefined);
    if (await answers(place, port, START_MS, async () => !exited)) {
      child.unref();
      return port;
    }
    const code = await Promise.race([end, new Promise<'silent'>((done) => setTimeout(() => done('silent'), 100))]);
    // Another program may have taken the port in between; or another Tenon has started the server of this very cluster.
    const other = await adopt(place);
    if (other !== null) return other;
    if (typeof code === 'number' && tries < 4) continue;
    if (code === 'silent') await stop(place);
    throw new TenonError('store_unavailable', `The embedded database server did not come up; the end of its log: ${await logTail(place)}`, {
      hint: `Look into ${logPath(place)}, or set DATABASE_URL.`,
    });
  }
}

async function launch(place: Place, port: number): Promise<ChildProcess> {
  const path = logPath(place);
  const keep = existsSync(path) && (await stat(path)).size < LOG_BYTES;
  const log = await open(path, keep ? 'a' : 'w', 0o600);
  try {
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: '',
      max_connections: '60',
      shared_buffers: '64MB',
      max_wal_size: '256MB',
      jit: 'off',
      log_min_messages: 'warning',
      log_line_prefix: '%m ',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // A process group of its own: Ctrl-C is for Tenon, which ends the server when it has drained.
    return spawn(join(place.native, 'bin', 'postgres'), ['-D', place.cluster, ...args], {
      ...place.account,
      cwd: '/',
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
  } finally {
    await log.close();
  }
}

function logPath(place: Place): string {
  return join(place.dataDir, 'postgres.log');
}

async function logTail(place: Place): Promise<string> {
  const path = logPath(place);
  return existsSync(path) ? (await readFile(path, 'utf8')).trim().split('\n').slice(-5).join(' | ') : '(none)';
}

function freePort(): Promise<number> {
  return new Promise((done, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (typeof address === 'object' && address !== null ? done(address.port) : reject(new Error('no port was given'))));
    });
  });
}

async function answers(place: Place, port: number, ms: number, alive: () => Promise<boolean>): Promise<boolean> {
  if (port === 0) return false;
  const until = Date.now() + ms;
  while (Date.now() < until && (await alive())) {
    const client = new pg.Client({ connectionString: urlOf(place, port, 'postgres'), connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      // Not yet: still starting or recovering. Asked again until the deadline.
      await new Promise((done) => setTimeout(done, 50));
    }
  }
  return false;
}

async function createDatabase(place: Place, port: number): Promise<void> {
  const client = new pg.Client({ connectionString: urlOf(place, port, 'postgres') });
  await client.connect();
  try {
    const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (known.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } catch (error) {
    // 42P04, 23505: another process that starts at the same moment made it.
    if (!(error instanceof Error && 'code' in error && (error.code === '42P04' || error.code === '23505'))) throw error;
  } finally {
    await client.end();
  }
}

/** The first living Tenon of a data directory ends the server; a second one beside it only uses it. */
async function becomeOwner(dataDir: string): Promise<boolean> {
  const path = join(dataDir, 'postgres.owner');
  const owner = existsSync(path) ? Number(await readFile(path, 'utf8')) : 0;
  if (owner > 1 && owner !== process.pid && isAlive(owner)) return false;
  await writeFile(path, String(process.pid), { mode: 0o600 });
  await chmod(path, 0o600);
  return true;
}

/** Fast shutdown: sessions end, the checkpoint is written. Then, and only then, the hard way. */
async function stop(place: Place): Promise<void> {
  const found = await lockFile(place);
  if (found !== null) {
    for (const [signal, ms] of [
      ['SIGINT', STOP_MS],
      ['SIGQUIT', 5_000],
      ['SIGKILL', 5_000],
    ] as const) {
      if (!(await isOurs(found.pid, place))) break;
      process.kill(found.pid, signal);
      const until = Date.now() + ms;
      while (Date.now() < until && (await isOurs(found.pid, place))) await new Promise((done) => setTimeout(done, 20));
    }
  }
  await rm(join(place.dataDir, 'postgres.owner'), { force: true });
}
