import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, type SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { messageOf, TenonError } from '@tenon/lifecycle';
import pg from 'pg';

/** Replicas that start together migrate one after another. */
const MIGRATION_LOCK = 7_333_000;

interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * Brings the database to this version: the product does it itself, at start, with the schema engine that is WebAssembly and needs no
 * download. A database that is up to date costs one query.
 */
export async function migrate(databaseUrl: string, log: (line: string) => void): Promise<void> {
  const directory = migrationsDirectory();
  const migrations = await readMigrations(directory);
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000, application_name: 'tenon-migrate' });
  client.on('error', (error) => log(`the connection that migrates broke: ${error.message}`));
  await client.connect();
  try {
    await refuseOldServer(client);
    if (await isUpToDate(client, migrations)) return;
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    if (await isUpToDate(client, migrations)) return;
    const applied = await applyAll(databaseUrl, directory, migrations);
    for (const name of applied) log(`applied the migration ${name}`);
  } finally {
    // Ends the session, and the lock with it.
    await client.end();
  }
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const answer = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  const version = Number(answer.rows[0]?.server_version_num ?? 0);
  if (version < 150_000) {
    throw new TenonError('store_unavailable', `The database server is PostgreSQL ${Math.floor(version / 10_000)}; Tenon needs 15 or later.`);
  }
}

/** Whether exactly our migrations stand as applied; one that was changed afterwards, or that a newer Tenon applied, is refused. */
async function isUpToDate(client: pg.Client, migrations: readonly Migration[]): Promise<boolean> {
  const table = await client.query<{ known: string | null }>("SELECT to_regclass('_prisma_migrations')::text AS known");
  if (table.rows[0]?.known === null) return false;
  const rows = await client.query<{ migration_name: string; checksum: string; finished_at: Date | null; rolled_back_at: Date | null }>(
    'SELECT migration_name, checksum, finished_at, rolled_back_at FROM _prisma_migrations',
  );
  const standing = rows.rows.filter((row) => row.rolled_back_at === null);
  for (const row of standing) {
    const ours = migrations.find((each) => each.name === row.migration_name);
    if (ours === undefined) {
      throw new TenonError('store_unavailable', `The database has the migration ${row.migration_name}, which this version of Tenon does not know.`, {
        hint: 'Start the newer version of Tenon that made it, or give this one a database of its own.',
      });
    }
    if (row.finished_at !== null && row.checksum !== createHash('sha256').update(ours.sql).digest('hex')) {
      throw new TenonError('store_unavailable', `The migration ${row.migration_name} is not the one that was applied to this database.`, {
        hint: 'A migration is never changed once it was released: restore its file, or start with a new database.',
      });
    }
  }
  return migrations.every((each) => standing.some((row) => row.migration_name === each.name && row.finished_at !== null));
}

async function applyAll(databaseUrl: string, directory: string, migrations: readonly Migration[]): Promise<readonly string[]> {
  const { SchemaEngine } = await loadEngine();
  const engine = await SchemaEngine.new({ datamodels: undefined }, () => undefined, bindMigrationAwareSqlAdapterFactory(wholeScripts(databaseUrl)));
  try {
    const { appliedMigrationNames } = await engine.applyMigrations({
      migrationsList: {
        baseDir: directory,
        lockfile: { path: 'migration_lock.toml', content: await readFile(join(directory, 'migration_lock.toml'), 'utf8') },
        shadowDbInitScript: '',
        migrationDirectories: migrations.map(({ name, sql }) => ({ path: name, migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } } })),
      },
      filters: { externalTables: [], externalEnums: [] },
    });
    return appliedMigrationNames;
  } catch (error) {
    throw new TenonError(
      'store_unavailable',
      `The database could not be brought up to date: ${messageOf(error)}`,
      { hint: 'Nothing of the failed migration stands; what it needs is in the message.' },
      error,
    );
  } finally {
    engine.free();
  }
}

/** The adapter cuts scripts at every semicolon, and so through functions: here a script goes to the server whole, as one transaction. */
function wholeScripts(databaseUrl: string): SqlMigrationAwareDriverAdapterFactory {
  const inner = new PrismaPg({ connectionString: databaseUrl });
  return {
    provider: inner.provider,
    adapterName: inner.adapterName,
    connect: async () => {
      const adapter = await inner.connect();
      adapter.executeScript = async (script) => {
        await adapter.underlyingDriver().query(script);
      };
      return adapter;
    },
    connectToShadowDb: () => inner.connectToShadowDb(),
  };
}

// What is used of the global that Node has and its types leave to browsers.
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: Record<string, Record<string, unknown>>): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

type EngineModule = typeof import('@prisma/schema-engine-wasm/schema_engine_bg') & {
  __wbg_set_wasm(exports: Record<string, unknown>): void;
};

let engineModule: Promise<EngineModule> | null = null;

/** Once a process: the bindings keep views of the one memory that they were given first. */
function loadEngine(): Promise<EngineModule> {
  engineModule ??= instantiateEngine();
  return engineModule;
}

/** The package's own door imports a .wasm file as a module, which Node 20 cannot: the same steps by hand. */
async function instantiateEngine(): Promise<EngineModule> {
  const bindings = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as EngineModule;
  const path = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    .replace(/\.js$/, '.wasm');
  const { instance } = await WebAssembly.instantiate(await readFile(path), { './schema_engine_bg.js': { ...bindings } });
  bindings.__wbg_set_wasm(instance.exports);
  const begin = instance.exports.__wbindgen_start;
  if (typeof begin === 'function') begin();
  return bindings;
}

async function readMigrations(directory: string): Promise<readonly Migration[]> {
  const names = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(names.sort().map(async (name) => ({ name, sql: await readFile(join(directory, name, 'migration.sql'), 'utf8') })));
}

/** prisma/migrations of the project, found from wherever this file stands: in the source tree, or in a bundle inside it. */
function migrationsDirectory(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const path = join(at, 'prisma', 'migrations');
    if (existsSync(join(path, 'migration_lock.toml'))) return path;
    if (dirname(at) === at) throw new TenonError('internal', 'The directory prisma/migrations was not found beside the program.');
  }
}
