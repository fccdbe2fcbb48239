import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from './generated/client.ts';

const TIMESTAMPTZ = 1184;
const INT8 = 20;
const PREPARED_MAX = 400;

// Rows carry times as epoch milliseconds and counters as numbers; Prisma, on the same pool, brings parsers of its own.
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text') => {
    if (oid === TIMESTAMPTZ) return epochMs;
    if (oid === INT8) return Number;
    return pg.types.getTypeParser(oid, format);
  }) as typeof pg.types.getTypeParser,
};

function epochMs(text: string): number {
  if (text.endsWith('+00')) return Date.parse(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`);
  const parse = pg.types.getTypeParser(TIMESTAMPTZ, 'text') as (value: string) => Date;
  return parse(text).getTime();
}

/** One pool for everything: hot paths in SQL, the rest through Prisma. */
export interface Database extends Queries {
  readonly pool: pg.Pool;
  readonly prisma: PrismaClient;
  /** Runs `work` in one transaction; whatever it throws rolls back and goes on up. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
export interface Queries {
  /** A statement with bound parameters, prepared once a connection. */
  query<Row extends object>(text: string, params?: readonly unknown[]): Promise<Row[]>;
}

export function connect(databaseUrl: string, log: (line: string) => void): Database {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 12,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    statement_timeout: 60_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    application_name: 'tenon',
  });
  // An idle connection that breaks is replaced at the next use; unheard, the event would end the process.
  pool.on('error', (error) => log(`a database connection broke: ${error.message}`));
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
  const names = new Map<string, string>();
  // Every read of every page comes through here: no spread, no object beyond the one that pg is given.
  const statement = (text: string, params: readonly unknown[]): pg.QueryConfig => {
    const values = params.map(storableParam);
    let name = names.get(text);
    if (name === undefined) {
      if (names.size >= PREPARED_MAX) return { text, values, types };
      name = `tenon${names.size}`;
      names.set(text, name);
    }
    return { name, text, values, types };
  };
  const on = (client: pg.Pool | pg.PoolClient): Queries['query'] => {
    return async <Row extends object>(text: string, params: readonly unknown[] = []) => {
      const answer = await client.query<Row & pg.QueryResultRow>(statement(text, params));
      return answer.rows;
    };
  };
  return {
    pool,
    prisma,
    query: on(pool),
    transaction: async (work) => {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query('BEGIN');
        const answer = await work({ query: on(client) });
        await client.query('COMMIT');
        return answer;
      } catch (error) {
        await client.query('ROLLBACK').catch((failure: Error) => {
          broken = failure;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    close: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

/** A name with NUL in it is no error, only nobody's: it is escaped as it would have been when stored. */
function storableParam(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(storableParam);
  return typeof value === 'string' ? storableText(value) : value;
}

export function storableText(text: string): string {
  return text.includes('\0') || !text.isWellFormed() ? text.toWellFormed().replaceAll('\0', '\\u0000') : text;
}
