import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenedStore, openStore } from '@tenon/store';
import { startEmbedded } from '@tenon/store/embedded';
import pg from 'pg';
import { BackendAbsent } from './figures.ts';

export interface BenchDatabase {
  readonly databaseUrl: string;
  readonly opened: OpenedStore;
  /** A pool of its own for the peers, beside the store's. */
  readonly pool: pg.Pool;
}

/** A store on a database of its own: on the server of DATABASE_URL, else on an embedded one that lives as long as `work`. */
export async function withDatabase<T>(work: (database: BenchDatabase) => Promise<T>): Promise<T> {
  const server = await openServer();
  const name = `tenon_bench_${randomBytes(6).toString('hex')}`;
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  try {
    await onServer(server.url, `CREATE DATABASE ${name}`);
    const pool = new pg.Pool({ connectionString: url.href, max: 8 });
    const opened = await openStore({ databaseUrl: url.href, encryptionKey: randomBytes(32) });
    try {
      return await work({ databaseUrl: url.href, opened, pool });
    } finally {
      await opened.close();
      await pool.end();
    }
  } finally {
    await onServer(server.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await server.stop();
  }
}

async function openServer(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const given = process.env.DATABASE_URL;
  try {
    if (given !== undefined && given !== '') {
      await onServer(given, 'SELECT 1');
      return { url: given, stop: async () => undefined };
    }
    const dataDir = await mkdtemp(join(tmpdir(), 'tenon-bench-'));
    // Where this is root, the server runs as another account, which must be able to pass.
    await chmod(dataDir, 0o755);
    const embedded = await startEmbedded({ dataDir: join(dataDir, 'data'), log: () => undefined });
    const stop = async () => {
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    };
    return { url: embedded.databaseUrl, stop };
  } catch (error) {
    throw new BackendAbsent('postgres', `no PostgreSQL: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
