import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { newId, TenonError } from '@tenon/lifecycle';
import { storeScene } from '@tenon/lifecycle/testing';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { askForPostgres, type RealPostgres, testKey } from '../testing/real-postgres.ts';
import { type OpenedStore, openStore } from './open-store.ts';

const asked = await askForPostgres();
const postgres: RealPostgres | null = 'postgres' in asked ? asked.postgres : null;
const { attempt, effect, openCreate, run, LEASE_MS } = storeScene;

describe.skipIf(postgres === null)(`what only PostgreSQL must show${'reason' in asked ? ` (skipped: ${asked.reason})` : ''}`, () => {
  const clean: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const each of clean.splice(0).reverse()) await each();
  });
  afterAll(async () => {
    await postgres?.close();
  });

  const database = async (): Promise<string> => {
    if (postgres === null) throw new Error('no PostgreSQL');
    return postgres.another();
  };
  const open = async (databaseUrl: string, encryptionKey = testKey()): Promise<OpenedStore> => {
    const opened = await openStore({ databaseUrl, encryptionKey });
    clean.push(() => opened.close());
    return opened;
  };
  const client = async (databaseUrl: string): Promise<pg.Client> => {
    const made = new pg.Client({ connectionString: databaseUrl });
    await made.connect();
    clean.push(() => made.end());
    return made;
  };

  describe('migrations', () => {
    it('are applied once, by whichever of many replicas is first', async () => {
      const url = await database();
      const opened = await Promise.all([open(url), open(url), open(url)]);
      const ids = await Promise.all(opened.map((each) => each.store.installationId()));
      expect(new Set(ids).size).toBe(1);
      const rows = await (await client(url)).query('SELECT migration_name FROM _prisma_migrations');
      expect(rows.rowCount).toBe(1);
    });

    it('agree with the schema that Prisma works by', async () => {
      const url = await database();
      await open(url);
      const { rows } = await (await client(url)).query<{ table_name: string; column_name: string }>(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'",
      );
      const { readFile } = await import('node:fs/promises');
      const schema = await readFile(new URL('../../../prisma/schema.prisma', import.meta.url), 'utf8');
      const declared = [...schema.matchAll(/^model \w+ \{([\s\S]*?)^\}/gm)].flatMap(([, body = '']) => {
        const table = /@@map\("(\w+)"\)/.exec(body)?.[1] ?? '';
        const fields = body.split('\n').filter((line) => /^ {2}\w+ +(String|Int|BigInt|Float|Boolean|Json|DateTime|Bytes)(\[\]|\?)?(\s|$)/.test(line));
        return fields.map((line) => `${table}.${/@map\("(\w+)"\)/.exec(line)?.[1] ?? line.trim().split(/\s/)[0]}`);
      });
      expect(rows.map((row) => `${row.table_name}.${row.column_name}`).sort()).toEqual(declared.sort());
    });

    it('that were changed, or that a newer version made, are refused by name', async () => {
      const url = await database();
      await (await openStore({ databaseUrl: url, encryptionKey: testKey() })).close();
      const admin = await client(url);
      await admin.query("UPDATE _prisma_migrations SET checksum = 'other'");
      await expect(openStore({ databaseUrl: url, encryptionKey: testKey() })).rejects.toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('_begin'),
      });
      await admin.query("UPDATE _prisma_migrations SET migration_name = '30000101000000_future'");
      await expect(openStore({ databaseUrl: url, encryptionKey: testKey() })).rejects.toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('future'),
      });
    });

    it('leave nothing half made where one fails', async () => {
      const url = await database();
      const admin = await client(url);
      await admin.query('CREATE TABLE lease (mine int)');
      await expect(openStore({ databaseUrl: url, encryptionKey: testKey() })).rejects.toMatchObject({ code: 'store_unavailable' });
      const { rows } = await admin.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('lease', '_prisma_migrations')");
      expect(rows).toEqual([]);
    });
  });

  describe('the outbox', () => {
    it('passes over no event whose transaction began first and ends last', async () => {
      const url = await database();
      const { store } = await open(url);
      const slow = await client(url);
      const tell = 'SELECT tenon_tell(\'default\', NULL, NULL, 1, \'[{"type": "driver", "data": {"slow": true}}]\')';
      await slow.query('BEGIN');
      await slow.query(tell);
      await openCreate(store);
      const first = await store.eventsAfter('0', 10, null);
      expect(first.events.map((event) => event.type)).toEqual(['sandbox', 'run']);
      await slow.query('COMMIT');
      const second = await store.eventsAfter(first.last, 10, null);
      expect(second.events.map((event) => event.data)).toEqual([{ slow: true }]);
      expect(Number(second.events[0]?.id)).toBeGreaterThan(Number(first.last));
    });

    it('is read without a gap by many readers while many write', async () => {
      const url = await database();
      const [one, two] = [await open(url), await open(url)];
      let done = false;
      const read = async (from: OpenedStore) => {
        const seen: string[] = [];
        for (let after = '0'; ; ) {
          const finished = done;
          const page = await from.store.eventsAfter(after, 5, null);
          seen.push(...page.events.map((event) => event.id));
          if (finished && page.events.length === 0) return seen;
          after = page.last ?? after;
        }
      };
      const readers = [one, two, one].map(read);
      await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          const { run: create, lease } = await openCreate((i % 2 === 0 ? one : two).store);
          for (let n = 0; n < 10; n += 1) await one.store.commit(lease, [{ type: 'attempt', attempt: attempt(create, n) }]);
        }),
      );
      done = true;
      const expected = Array.from({ length: 10 * 12 }, (_, i) => String(i + 1));
      for (const seen of await Promise.all(readers)) expect(seen).toEqual(expected);
    });

    it('nudges other replicas, and again after their connection was cut', async () => {
      const url = await database();
      const [writer, reader] = [await open(url), await open(url)];
      let nudges = 0;
      const off = reader.store.onEvents(() => {
        nudges += 1;
      });
      const nudged = async (write: () => Promise<unknown>) => {
        const before = nudges;
        await write();
        for (let i = 0; i < 200 && nudges === before; i += 1) await new Promise((done) => setTimeout(done, 20));
        return nudges > before;
      };
      expect(await nudged(async () => undefined)).toBe(true);
      expect(await nudged(() => openCreate(writer.store))).toBe(true);
      const admin = await client(url);
      await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tenon-events' AND datname = current_database()");
      expect(await nudged(async () => undefined)).toBe(true);
      off();
    });
  });

  describe('under contention', () => {
    it('commits, superseding runs and settled debts of one sandbox never stand in each other’s way', async () => {
      const url = await database();
      const { store } = await open(url);
      for (let round = 0; round < 8; round += 1) {
        const { sandbox, run: create, lease } = await openCreate(store);
        const work = Array.from({ length: 6 }, (_, i) =>
          store.commit(lease, [
            { type: 'effect', effect: effect(create, i) },
            { type: 'sandbox', sandboxId: sandbox.id, change: { instance: `i-${i}` } },
          ]),
        );
        const removal = run(sandbox, { operation: 'delete' });
        const opening = store.openRun(removal, 'other', LEASE_MS, () => ({ open: 'supersede', state: 'deleting' }));
        await Promise.all([...work, opening, store.renewLease(lease, LEASE_MS), store.expiredRuns(5), store.claimDueEffects(5, 10)]);
        expect(await store.effectsOfRun(create.id)).toHaveLength(6);
      }
    });

    it('holds leases by the database’s clock, whatever this machine’s says', async () => {
      const url = await database();
      const { store } = await open(url);
      const real = Date.now;
      Date.now = () => real() - 10 * 365 * 86_400_000;
      try {
        const { run: create, lease } = await openCreate(store, {}, 60_000);
        expect(await store.takeLease(create.id, 'other', 1000)).toBeNull();
        expect(await store.expiredRuns(10)).toEqual([]);
        await store.renewLease(lease, 60_000);
        expect((await store.getRun(create.id))?.startedAt).toBeGreaterThan(real() - 60_000);
      } finally {
        Date.now = real;
      }
    });
  });

  describe('the vault', () => {
    it('has no plain text in any row, and opens under its key and owner only', async () => {
      const url = await database();
      const key = testKey();
      const { vault } = await open(url, key);
      const [one, two] = [newId(), newId()];
      const canary = `canary-${randomBytes(8).toString('hex')}`;
      await vault.put(
        { kind: 'sandbox', id: 'a' },
        new Map([
          [one, canary],
          [two, canary],
        ]),
      );
      const admin = await client(url);
      const { rows } = await admin.query<{ id: string; text: Buffer; nonce: Buffer }>('SELECT id, text, nonce FROM secret');
      for (const row of rows) expect(row.text.toString('latin1')).not.toContain(canary);
      expect(rows[0]?.nonce.equals(rows[1]?.nonce ?? Buffer.alloc(0))).toBe(false);
      const other = await open(url);
      await expect(other.vault.open(one)).rejects.toMatchObject({ code: 'internal', context: { hint: expect.stringContaining('TENON_ENCRYPTION_KEY') } });
      // A row passed off as another's, or as another owner's, is not opened.
      await admin.query('UPDATE secret SET text = s.text, nonce = s.nonce, tag = s.tag FROM secret s WHERE s.id = $1 AND secret.id = $2', [one, two]);
      await expect(vault.open(two)).rejects.toMatchObject({ code: 'internal' });
      await admin.query("UPDATE secret SET owner_id = 'b' WHERE id = $1", [one]);
      await expect(vault.open(one)).rejects.toMatchObject({ code: 'internal' });
    });
  });

  describe('failures', () => {
    it('of a database that is not there are store_unavailable', async () => {
      const nowhere = createServer().listen(0, '127.0.0.1');
      await new Promise((done) => nowhere.once('listening', done));
      const address = nowhere.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      await new Promise((done) => nowhere.close(done));
      await expect(openStore({ databaseUrl: `postgresql://a:b@127.0.0.1:${port}/c`, encryptionKey: testKey() })).rejects.toMatchObject({
        code: 'store_unavailable',
      });
    });

    it('of a database that goes away too, and the store works again when it is back', async () => {
      const url = await database();
      const { store } = await open(url);
      const admin = await client(url);
      const name = new URL(url).pathname.slice(1);
      const elsewhere = new URL(url);
      elsewhere.pathname = '/postgres';
      const other = await client(elsewhere.href);
      await other.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
      const failures = await Promise.all(
        [store.getRun('x'), store.countTokens(), store.listActivations(), openCreate(store)].map((each) => each.then(String, (error: unknown) => error)),
      );
      for (const failure of failures) {
        expect(failure).toBeInstanceOf(TenonError);
        expect([String(failure), failure]).toMatchObject([String(failure), { code: 'store_unavailable' }]);
      }
      await other.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      expect(await store.getRun('x')).toBeNull();
      expect(await store.countTokens()).toBe(0);
    });

    it('of names that PostgreSQL cannot hold are none: nobody has them', async () => {
      const url = await database();
      const { store } = await open(url);
      const odd = 'a\0b\ud800';
      expect(await store.getSandbox(odd)).toBeNull();
      expect(await store.getExtension(odd)).toBeNull();
      expect(await store.getActivation(odd)).toBeNull();
      expect(await store.getToken(odd)).toBeNull();
      expect(await store.tokenByHash(odd)).toBeNull();
      expect((await store.listSandboxes({ visible: [odd], name: odd, workspace: odd, from: -1e16, to: 1e16 }, { limit: 5 })).items).toEqual([]);
      expect((await store.listAudit({ visible: null, actor: odd, runId: odd }, { limit: 5 })).items).toEqual([]);
    });
  });

  it('writes the attempts of a commit in one batch, reads hot rows in one statement each, and has one pool for SQL and Prisma alike', async () => {
    const url = await database();
    const { store } = await open(url);
    const { run: create, lease } = await openCreate(store);
    const sent = vi.spyOn(pg.Client.prototype, 'query');
    clean.push(async () => sent.mockRestore());
    const statements = async (work: () => Promise<unknown>): Promise<number> => {
      sent.mockClear();
      await work();
      return sent.mock.calls.filter(([query]) => /attempt|FROM run|tenon_/i.test(typeof query === 'string' ? query : (query as { text: string }).text)).length;
    };
    const batch = (from: number) => Array.from({ length: 200 }, (_, i) => ({ type: 'attempt', attempt: attempt(create, from + i) }) as const);
    expect(await statements(() => store.commit(lease, batch(1)))).toBe(await statements(() => store.commit(lease, batch(201).slice(0, 1))));
    expect((await store.listAttempts(create.id, { limit: 200 })).items).toHaveLength(200);
    expect(await statements(() => store.getRun(create.id))).toBe(1);
    expect(await statements(() => store.listAttempts(create.id, { limit: 200 }))).toBe(1);
    // What goes through Prisma uses the connections that are there.
    await Promise.all(Array.from({ length: 40 }, () => Promise.all([store.listExtensions(), store.countTokens(), store.getRun(create.id)])));
    const admin = await client(url);
    const { rows } = await admin.query('SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()');
    // Twelve of the pool, and the one that listens for events.
    expect(rows[0].n).toBeLessThanOrEqual(13);
  });

  it('enters an index for every page, however deep', async () => {
    const url = await database();
    const { store } = await open(url);
    const { sandbox } = await openCreate(store);
    const admin = await client(url);
    await admin.query(
      `INSERT INTO run (id, sandbox_id, sandbox_name, workspace, driver, operation, status, actor, request_id, trace_id, started_at, lease_until)
       SELECT 'r' || n, $1, 'box', 'default', 'fake', 'stop', 'succeeded', '{}', 'q', 't', now() - n * interval '1 second', now() FROM generate_series(1, 20000) AS n`,
      [sandbox.id],
    );
    await admin.query('ANALYZE run');
    const plan = await admin.query<{ 'QUERY PLAN': string }>(
      "EXPLAIN SELECT id FROM run WHERE sandbox_id = $1 AND (started_at, id) < (now() - interval '15000 seconds', 'x') ORDER BY started_at DESC, id DESC LIMIT 51",
      [sandbox.id],
    );
    const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toMatch(/Index (Only )?Scan using run_(sandbox_)?page/);
    expect(text).toMatch(/Index Cond: .*started_at/);
    expect(text).not.toContain('Sort');
  });
});
