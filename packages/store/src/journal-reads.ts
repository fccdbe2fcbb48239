import type { EffectFilter, JournalStore, JsonObject, RunFilter, SandboxFilter } from '@tenon/lifecycle';
import type { Database } from './database.ts';
import { Conditions, pageOf } from './keyset.ts';
import {
  type AttemptRow,
  type EffectRow,
  type RevisionRow,
  RUN_COLUMNS,
  type RunRow,
  type SandboxRow,
  toAttempt,
  toEffect,
  toRevision,
  toRun,
  toSandbox,
} from './rows.ts';

const ACTIVE = "status IN ('running', 'waiting', 'interrupted')";
const HELD = "state <> 'deleted' AND NOT hidden";

type Reads = Omit<
  JournalStore,
  'openCreate' | 'openPreview' | 'openRun' | 'takeLease' | 'renewLease' | 'dropLease' | 'commit' | 'expiredRuns' | 'claimDueEffects' | 'settleEffect' | 'prune'
>;

/** What the journal answers: SQL on the pool, prepared, each by an index. */
export function journalReads(db: Database): Reads {
  const one = async <Row extends object, T>(text: string, params: readonly unknown[], decode: (row: Row) => T): Promise<T | null> => {
    const [row] = await db.query<Row>(text, params);
    return row === undefined ? null : decode(row);
  };
  const many = async <Row extends object, T>(text: string, params: readonly unknown[], decode: (row: Row) => T): Promise<T[]> =>
    (await db.query<Row>(text, params)).map(decode);

  return {
    now: async () => {
      const [row] = await db.query<{ now: number }>('SELECT tenon_now() AS now');
      if (row === undefined) throw new Error('the database answered no time');
      return row.now;
    },

    getSandbox: (id) => one('SELECT * FROM sandbox WHERE id = $1', [id], toSandbox),
    listSandboxes: (filter, page) =>
      pageOf<SandboxRow, ReturnType<typeof toSandbox>>(
        db,
        {
          list: 'sandboxes',
          table: 'sandbox',
          columns: '*',
          at: 'created_at',
          order: 'newest',
          decode: toSandbox,
          keyOf: ({ createdAt, id }) => ({ at: createdAt, id }),
        },
        sandboxConditions(filter),
        page,
      ),
    idleSandboxes: (driver, states, limit) =>
      many(
        `SELECT * FROM sandbox s WHERE driver = $1 AND state = ANY($2::text[]) AND NOT hidden
           AND NOT EXISTS (SELECT 1 FROM run r WHERE r.sandbox_id = s.id AND r.${ACTIVE})
         ORDER BY created_at, id LIMIT $3`,
        [driver, states, limit],
        toSandbox,
      ),
    activeRun: (sandboxId) => one(`SELECT ${RUN_COLUMNS} FROM run WHERE sandbox_id = $1 AND ${ACTIVE} ORDER BY opened DESC LIMIT 1`, [sandboxId], toRun),
    lastRun: (sandboxId) => one(`SELECT ${RUN_COLUMNS} FROM run WHERE sandbox_id = $1 ORDER BY opened DESC LIMIT 1`, [sandboxId], toRun),
    sandboxSummaries: async (ids) => {
      // One statement: it stands behind every sandbox that is shown, alone or in a list.
      const rows = await db.query<RunRow & { of: string; owed: number }>(
        `SELECT wanted.id AS of, (SELECT count(*) FROM effect WHERE sandbox_id = wanted.id AND state = 'owed') AS owed, r.*
         FROM unnest($1::text[]) AS wanted(id)
         LEFT JOIN LATERAL (SELECT ${RUN_COLUMNS} FROM run WHERE sandbox_id = wanted.id ORDER BY opened DESC LIMIT 1) AS r ON true`,
        [ids],
      );
      return new Map(rows.map((row) => [row.of, { lastRun: row.id === null ? null : toRun(row), owed: row.owed }]));
    },
    countSandboxes: async (driver) => {
      const [row] = await db.query<{ count: number }>(
        `SELECT count(*) AS count FROM sandbox WHERE driver = $1 AND state NOT IN ('deleted', 'failed') AND ${HELD}`,
        [driver],
      );
      return row?.count ?? 0;
    },
    recentRequests: async (scope, limit) => {
      const rows = await db.query<Pick<RunRow, 'id' | 'sandbox_id' | 'started_at' | 'preview'> & Partial<Pick<SandboxRow, 'request' | 'record'>>>(
        `SELECT r.id, r.sandbox_id, r.started_at, r.preview, s.request, s.record FROM run r LEFT JOIN sandbox s ON s.id = r.sandbox_id
         WHERE r.operation IN ('create', 'preview') AND (s.id IS NOT NULL OR r.preview IS NOT NULL)
           AND ($1::text[] IS NULL OR r.driver = ANY($1::text[])) AND ($2::text[] IS NULL OR r.workspace = ANY($2::text[]))
         ORDER BY r.opened DESC LIMIT $3`,
        [scope.drivers, scope.workspaces, limit],
      );
      return rows.flatMap((row) => {
        const request = row.request ?? row.preview?.request;
        const record = row.record ?? row.preview?.record;
        return request === undefined || record === undefined ? [] : [{ request, record, runId: row.id, sandboxId: row.sandbox_id, at: row.started_at }];
      });
    },
    sandboxesHolding: async (extension, limit) => {
      const where = `extensions @> ARRAY[$1]::text[] AND ${HELD}`;
      const [total] = await db.query<{ count: number }>(`SELECT count(*) AS count FROM sandbox WHERE ${where}`, [extension]);
      const items = await many(`SELECT * FROM sandbox WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT $2`, [extension, limit], toSandbox);
      return { total: total?.count ?? 0, items };
    },

    getRun: (id) => one(`SELECT ${RUN_COLUMNS} FROM run WHERE id = $1`, [id], toRun),
    listRuns: (filter, page) =>
      pageOf<RunRow, ReturnType<typeof toRun>>(
        db,
        {
          list: 'runs',
          table: 'run',
          columns: RUN_COLUMNS,
          at: 'started_at',
          order: 'newest',
          decode: toRun,
          keyOf: ({ startedAt, id }) => ({ at: startedAt, id }),
        },
        runConditions(filter),
        page,
      ),
    listAttempts: (runId, page) =>
      pageOf<AttemptRow, ReturnType<typeof toAttempt>>(
        db,
        { list: 'attempts', table: 'attempt', columns: '*', at: 'seq', order: 'sequence', decode: toAttempt, keyOf: ({ seq, id }) => ({ at: seq, id }) },
        new Conditions().add(runId, (p) => `run_id = ${p}`),
        page,
      ),
    getAttempt: (id) => one('SELECT * FROM attempt WHERE id = $1', [id], toAttempt),
    enteredExtensions: async (runId) => {
      const rows = await db.query<{ extension: string }>(
        `SELECT extension FROM attempt WHERE run_id = $1 AND kind = 'hook' AND outcome <> 'skipped' AND extension IS NOT NULL
         UNION SELECT extension FROM effect WHERE run_id = $1 AND extension IS NOT NULL`,
        [runId],
      );
      return new Set(rows.map((row) => row.extension));
    },

    revisionsOfRun: (runId) => many('SELECT * FROM revision WHERE run_id = $1 ORDER BY number', [runId], toRevision),
    revisionsOfSandbox: (sandboxId) =>
      many(
        `SELECT v.* FROM revision v JOIN run r ON r.id = v.run_id WHERE v.sandbox_id = $1
         ORDER BY r.operation <> 'create', r.opened, v.number`,
        [sandboxId],
        (row: RevisionRow) => toRevision(row),
      ),

    getEffect: (id) => one('SELECT * FROM effect WHERE id = $1', [id], toEffect),
    listEffects: (filter, page) =>
      pageOf<EffectRow, ReturnType<typeof toEffect>>(
        db,
        {
          list: 'effects',
          table: 'effect',
          columns: '*',
          at: 'created_at',
          order: 'newest',
          decode: toEffect,
          keyOf: ({ createdAt, id }) => ({ at: createdAt, id }),
        },
        effectConditions(filter),
        page,
      ),
    effectsOfSandbox: (sandboxId, states) =>
      many(
        'SELECT * FROM effect WHERE sandbox_id = $1 AND ($2::text[] IS NULL OR state = ANY($2::text[])) ORDER BY seq, id',
        [sandboxId, states ?? null],
        toEffect,
      ),
    effectsOfRun: (runId) => many('SELECT * FROM effect WHERE run_id = $1 ORDER BY seq, id', [runId], toEffect),

    extensionState: (sandboxId, extension) =>
      one('SELECT value FROM extension_state WHERE sandbox_id = $1 AND extension = $2', [sandboxId, extension], (row: { value: JsonObject }) => row.value),
  };
}

function sandboxConditions(filter: SandboxFilter): Conditions {
  const where = new Conditions().visible(filter.visible, 'workspace');
  if (filter.state === undefined) where.raw(HELD);
  else {
    const standing = `(${HELD} AND state = ANY(${where.placeholder(filter.state)}::text[]))`;
    where.raw(filter.state.includes('deleted') ? `(${standing} OR state = 'deleted' OR hidden)` : standing);
  }
  return where
    .add(filter.driver, (p) => `driver = ${p}`)
    .add(filter.workspace, (p) => `workspace = ${p}`)
    .add(filter.name, (p) => `name = ${p}`)
    .add(filter.extension, (p) => `extensions @> ARRAY[${p}]::text[]`)
    .within('created_at', filter.from, filter.to);
}

function runConditions(filter: RunFilter): Conditions {
  const where = new Conditions()
    .visible(filter.visible, 'workspace')
    .add(filter.status, (p) => `status = ANY(${p}::text[])`)
    .add(filter.operation, (p) => `operation = ANY(${p}::text[])`)
    .add(filter.sandboxId, (p) => `sandbox_id = ${p}`)
    .add(filter.driver, (p) => `driver = ${p}`)
    .add(filter.workspace, (p) => `workspace = ${p}`)
    .add(filter.code, (p) => `first_error IS NOT NULL AND first_error->>'code' = ${p}`)
    .within('started_at', filter.from, filter.to);
  if (filter.extension === undefined && filter.phase === undefined) return where;
  const extension = filter.extension === undefined ? '' : ` AND a.extension = ${where.placeholder(filter.extension)}`;
  const phase = filter.phase === undefined ? '' : ` AND a.phase = ${where.placeholder(filter.phase)}`;
  return where.raw(`EXISTS (SELECT 1 FROM attempt a WHERE a.run_id = run.id${extension}${phase})`);
}

function effectConditions(filter: EffectFilter): Conditions {
  return new Conditions()
    .visible(filter.visible, 'workspace')
    .add(filter.state, (p) => `state = ANY(${p}::text[])`)
    .add(filter.sandboxId, (p) => `sandbox_id = ${p}`)
    .add(filter.runId, (p) => `run_id = ${p}`)
    .add(filter.extension, (p) => `extension = ${p}`)
    .add(filter.driver, (p) => `driver = ${p}`)
    .add(filter.workspace, (p) => `workspace = ${p}`)
    .add(filter.phase, (p) => `phase = ${p}`)
    .add(filter.code, (p) => `last_error->>'code' = ${p}`)
    .within('created_at', filter.from, filter.to);
}
