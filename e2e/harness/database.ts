import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** A database for one product: on the server that DATABASE_URL names, or the product's own, embedded in its data directory. */
export interface Database {
  /** Null: the product starts its own. */
  readonly url: string | null;
  /** Every row of every table as JSON text, table by table; `leaveOut` names `table.column`s. */
  dump(dataDir: string, leaveOut: readonly string[]): Promise<string>;
  query<Row extends object>(dataDir: string, sql: string, values?: readonly unknown[]): Promise<Row[]>;
  remove(dataDir: string): Promise<void>;
}

export async function freshDatabase(): Promise<Database> {
  const server = process.env.DATABASE_URL;
  if (server === undefined || server === '') return { url: null, dump: dumpOf(embeddedUrl), query: queryOf(embeddedUrl), remove: endEmbedded };
  const name = `tenon_journey_${randomBytes(6).toString('hex')}`;
  const url = new URL(server);
  url.pathname = `/${name}`;
  await within(server, (client) => client.query(`CREATE DATABASE ${name}`));
  return {
    url: url.href,
    dump: dumpOf(() => url.href),
    query: queryOf(() => url.href),
    remove: async () => {
      await within(server, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

async function within<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function queryOf(urlOf: (dataDir: string) => string): Database['query'] {
  return <Row extends object>(dataDir: string, sql: string, values: readonly unknown[] = []) =>
    within(urlOf(dataDir), async (client) => (await client.query<Row>(sql, [...values])).rows);
}

function dumpOf(urlOf: (dataDir: string) => string): Database['dump'] {
  return (dataDir, leaveOut) =>
    within(urlOf(dataDir), async (client) => {
      const tables = await client.query<{ place: string; name: string }>(
        `SELECT format('%I.%I', table_schema, table_name) AS place, table_name AS name FROM information_schema.tables
         WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE' ORDER BY 1`,
      );
      const lines: string[] = [];
      for (const { place, name } of tables.rows) {
        const hidden = leaveOut.filter((column) => column.startsWith(`${name}.`)).map((column) => column.slice(name.length + 1));
        const { rows } = await client.query<{ row: string }>(`SELECT (to_jsonb(t) - $1::text[])::text AS row FROM ${place} t`, [hidden]);
        lines.push(...rows.map(({ row }) => `${name} ${row}`));
      }
      return lines.join('\n');
    });
}

interface Postmaster {
  readonly pid: number;
  readonly port: string;
}

/** What the embedded server's own file says of it; null where it does not run. */
function postmaster(dataDir: string): Postmaster | null {
  const path = join(dataDir, 'postgres', 'postmaster.pid');
  if (!existsSync(path)) return null;
  const [pid, , , port] = readFileSync(path, 'utf8').split('\n');
  return pid === undefined || port === undefined ? null : { pid: Number(pid), port: port.trim() };
}

function embeddedUrl(dataDir: string): string {
  const running = postmaster(dataDir);
  if (running === null) throw new Error(`no embedded PostgreSQL runs in ${dataDir}`);
  return `postgresql://tenon:${readFileSync(join(dataDir, 'postgres.password'), 'utf8').trim()}@127.0.0.1:${running.port}/tenon`;
}

/** After a SIGKILL of the product its PostgreSQL goes on, to be adopted: where nobody does, the journey ends it. */
async function endEmbedded(dataDir: string): Promise<void> {
  const running = postmaster(dataDir);
  if (running === null) return;
  try {
    process.kill(running.pid, 'SIGINT');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return;
    throw error;
  }
  while (postmaster(dataDir) !== null) await sleep(50);
}
