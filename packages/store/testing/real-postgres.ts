import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded } from '../src/embedded.ts';

/** A server for one test file, with a database of its own. */
export interface RealPostgres {
  readonly databaseUrl: string;
  /** Another empty database on the same server. */
  another(): Promise<string>;
  close(): Promise<void>;
}

export type Asked = { readonly postgres: RealPostgres } | { readonly reason: string };

/** DATABASE_URL where it is set, else the embedded server in a directory of its own; else the reason why there is none. */
export async function askForPostgres(env: Readonly<Record<string, string | undefined>> = process.env): Promise<Asked> {
  try {
    return { postgres: await open(env.DATABASE_URL) };
  } catch (error) {
    const reason = `no PostgreSQL: ${error instanceof Error ? error.message : String(error)}`;
    if ((env.TENON_REQUIRE ?? '').split(',').includes('postgres')) throw new Error(`TENON_REQUIRE names postgres, but there is ${reason}`);
    console.warn(`skipped: ${reason}`);
    return { reason };
  }
}

/** The reason why the embedded server cannot run here, or null; a failure where TENON_REQUIRE names postgres. */
export async function askForEmbedded(): Promise<string | null> {
  const asked = await askForPostgres({ ...process.env, DATABASE_URL: undefined });
  if ('reason' in asked) return asked.reason;
  await asked.postgres.close();
  return null;
}

async function open(given: string | undefined): Promise<RealPostgres> {
  let serverUrl = given ?? '';
  let stop = async () => {};
  if (serverUrl === '') {
    const dataDir = await mkdtemp(join(tmpdir(), 'tenon-postgres-'));
    const embedded = await startEmbedded({ dataDir, log: () => undefined });
    serverUrl = embedded.databaseUrl;
    stop = async () => {
      await embedded.stop();
      await rm(dataDir, { recursive: true, force: true });
    };
  }
  const made: string[] = [];
  const another = async () => {
    const name = `tenon_test_${randomBytes(6).toString('hex')}`;
    await onServer(serverUrl, `CREATE DATABASE ${name}`);
    made.push(name);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return url.href;
  };
  return {
    databaseUrl: await another(),
    another,
    close: async () => {
      for (const name of made) await onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await stop();
    },
  };
}

async function onServer(serverUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

export function testKey(): Buffer {
  return randomBytes(32);
}
