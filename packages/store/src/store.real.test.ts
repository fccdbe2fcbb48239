import { type StoreBench, storeConformance } from '@tenon/lifecycle/testing';
import pg from 'pg';
import { afterAll, describe, it } from 'vitest';
import { askForPostgres, testKey } from '../testing/real-postgres.ts';
import { openStore } from './open-store.ts';

const asked = await askForPostgres();

if ('reason' in asked) {
  describe('PostgreSQL as a store', () => {
    it.skip(asked.reason, () => undefined);
  });
} else {
  const { databaseUrl } = asked.postgres;
  const admin = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  afterAll(async () => {
    await admin.end();
    await asked.postgres.close();
  });

  const TABLES = [
    ['sandbox', 'created_at'],
    ['run', 'started_at'],
    ['effect', 'created_at'],
    ['audit', 'at'],
    ['token', 'created_at'],
  ] as const;

  storeConformance('PostgreSQL', async (): Promise<StoreBench> => {
    const opened = await openStore({ databaseUrl, encryptionKey: testKey() });
    const tables = await admin.query<{ name: string }>(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('_prisma_migrations', 'installation')",
    );
    await admin.query(`TRUNCATE ${tables.rows.map((row) => `"${row.name}"`).join(', ')} RESTART IDENTITY CASCADE`);
    await admin.query('UPDATE installation SET event_last = 0, event_floor = 0');
    return {
      ...opened,
      sameTime: async (write) => {
        await write();
        for (const [table, column] of TABLES) await admin.query(`UPDATE ${table} SET ${column} = '2026-01-02T03:04:05.678Z'`);
      },
    };
  });
}
