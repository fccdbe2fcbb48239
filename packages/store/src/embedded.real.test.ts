import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { askForEmbedded } from '../testing/real-postgres.ts';
import { startEmbedded } from './embedded.ts';

const here = dirname(fileURLToPath(import.meta.url));
const reason = await askForEmbedded();

describe.skipIf(reason !== null)(`the embedded server${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  const clean: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const each of clean.splice(0).reverse()) await each();
  });

  const directory = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'tenon-embedded-'));
    clean.push(() => rm(path, { recursive: true, force: true }));
    return path;
  };
  const start = async (dataDir: string) => {
    const said: string[] = [];
    const embedded = await startEmbedded({ dataDir, log: (line) => said.push(line) });
    clean.push(() => embedded.stop());
    return { ...embedded, said };
  };

  it('keeps what was written over a stop and a start, on loopback only, its password in a file of the owner', async () => {
    const dataDir = await directory();
    const first = await start(dataDir);
    await sql(first.databaseUrl, 'CREATE TABLE kept (a int); INSERT INTO kept VALUES (7)');
    expect((await sql(first.databaseUrl, 'SHOW listen_addresses'))[0]).toEqual({ listen_addresses: '127.0.0.1' });
    expect((await sql(first.databaseUrl, 'SHOW synchronous_commit'))[0]).toEqual({ synchronous_commit: 'on' });
    expect(((await stat(join(dataDir, 'postgres.password'))).mode & 0o777).toString(8)).toBe('600');
    const wrong = new URL(first.databaseUrl);
    wrong.password = 'guess';
    await expect(sql(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await first.stop();
    await expect(sql(first.databaseUrl, 'SELECT 1')).rejects.toThrow();
    expect(existsSync(join(dataDir, 'postgres', 'postmaster.pid'))).toBe(false);
    const second = await start(dataDir);
    expect(await sql(second.databaseUrl, 'SELECT a FROM kept')).toEqual([{ a: 7 }]);
  });

  it('goes on after a SIGKILL of its Tenon, and the next one adopts and ends it', async () => {
    const dataDir = await directory();
    const killed = await spawnTenon(dataDir);
    clean.push(async () => killed.child.kill('SIGKILL'));
    await sql(killed.databaseUrl, 'CREATE TABLE kept (a int)');
    // In the middle of writing: what was acknowledged is there, and only that.
    let acknowledged = 0;
    const writing = (async () => {
      for (;;) {
        await sql(killed.databaseUrl, `INSERT INTO kept VALUES (${acknowledged})`);
        acknowledged += 1;
        if (acknowledged > 20) killed.child.kill('SIGKILL');
        if (killed.child.signalCode !== null) return;
      }
    })();
    await once(killed.child, 'exit');
    await writing;
    const next = await start(dataDir);
    expect(next.said.join('\n')).toContain('adopted');
    expect(next.databaseUrl).toBe(killed.databaseUrl);
    expect(await sql(next.databaseUrl, 'SELECT count(*)::int AS n FROM kept')).toEqual([{ n: acknowledged }]);
    await next.stop();
    await expect(sql(next.databaseUrl, 'SELECT 1')).rejects.toThrow();
  });

  it('recovers when the server itself was killed, and what its lock file names is another process', async () => {
    const dataDir = await directory();
    const first = await start(dataDir);
    await sql(first.databaseUrl, 'CREATE TABLE kept (a int); INSERT INTO kept VALUES (1)');
    const lock = join(dataDir, 'postgres', 'postmaster.pid');
    const lines = (await readFile(lock, 'utf8')).split('\n');
    const pid = Number(lines[0]);
    process.kill(pid, 'SIGKILL');
    while (existsSync(`/proc/${pid}`)) await new Promise((done) => setTimeout(done, 10));
    await writeFile(lock, [String(process.pid), ...lines.slice(1)].join('\n'));
    const next = await start(dataDir);
    expect(next.said.join('\n')).toContain('removing the lock file');
    expect(await sql(next.databaseUrl, 'SELECT a FROM kept')).toEqual([{ a: 1 }]);
  });

  it('is ended by the first living Tenon of its data directory, not by a second one beside it', async () => {
    const dataDir = await directory();
    const owner = await spawnTenon(dataDir);
    clean.push(async () => owner.child.kill('SIGKILL'));
    const guest = await start(dataDir);
    expect(guest.databaseUrl).toBe(owner.databaseUrl);
    await guest.stop();
    expect(await sql(owner.databaseUrl, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
    owner.child.kill('SIGTERM');
    await once(owner.child, 'exit');
    await expect(sql(owner.databaseUrl, 'SELECT 1')).rejects.toThrow();
  });

  it('is one server for two that start at the same moment in a new directory', async () => {
    const dataDir = await directory();
    const both = await Promise.all([spawnTenon(dataDir), spawnTenon(dataDir)]);
    for (const each of both) clean.push(async () => each.child.kill('SIGKILL'));
    expect(both[0].databaseUrl).toBe(both[1].databaseUrl);
    expect(await sql(both[0].databaseUrl, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
    for (const each of both) each.child.kill('SIGKILL');
    await start(dataDir);
  });

  it('refuses a directory that holds something else, and starts anew where a first start was killed', async () => {
    const other = await directory();
    await mkdir(join(other, 'postgres'));
    await writeFile(join(other, 'postgres', 'letters.txt'), 'dear');
    await expect(startEmbedded({ dataDir: other, log: () => undefined })).rejects.toMatchObject({ code: 'store_unavailable' });
    const half = await directory();
    await mkdir(join(half, 'postgres.new.4194304'));
    await writeFile(join(half, 'postgres.new.4194304', 'PG_VERSION'), '18');
    const made = await start(half);
    expect(existsSync(join(half, 'postgres.new.4194304'))).toBe(false);
    expect(await sql(made.databaseUrl, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
  });

  it.skipIf(userInfo().uid !== 0)('runs under root below a directory that nobody else may enter', async () => {
    const closed = await directory();
    await mkdir(join(closed, 'deep'), { mode: 0o700 });
    const made = await start(join(closed, 'deep', 'data'));
    expect(made.said.join('\n')).toContain('cannot reach');
    expect(await sql(made.databaseUrl, 'SELECT 1 AS a')).toEqual([{ a: 1 }]);
    await made.stop();
    const home = /lives in (.*)$/m.exec(made.said.join('\n'))?.[1];
    expect(home).toMatch(/[0-9a-f]{12}$/);
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });

  async function spawnTenon(dataDir: string): Promise<{ readonly child: ChildProcess; readonly databaseUrl: string }> {
    const child = spawn(process.execPath, ['--import', 'tsx', join(here, '..', 'testing', 'start-embedded.ts'), dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { databaseUrl } = JSON.parse(line.toString('utf8')) as { databaseUrl: string };
    return { child, databaseUrl };
  }
});

async function sql(databaseUrl: string, text: string): Promise<object[]> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const answer = await client.query<object>(text);
    return Array.isArray(answer) ? [] : answer.rows;
  } finally {
    await client.end();
  }
}
