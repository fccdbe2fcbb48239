import type { Database, Queries } from './database.ts';

/** So many sandboxes or runs in one transaction: a long one would hold back vacuum and everyone else's locks. */
const BATCH = 500;

/** Takes away what is old; never owed effects, the audit, or what a sandbox not deleted needs. Answers rows removed. */
export async function prune(db: Database, before: { readonly traces: number; readonly events: number }): Promise<number> {
  let removed = await batches((tx) => goneSandboxes(tx, before.traces), db);
  removed += await batches((tx) => oldRuns(tx, before.traces), db);
  removed += await batches((tx) => oldTraces(tx, before.traces), db);
  // Events that nobody has read yet have no place, and only what has one may go.
  await db.query('SELECT tenon_sequence_events()');
  removed += await batches((tx) => oldEvents(tx, before.events), db);
  removed += await counted(db, 'DELETE FROM idempotency WHERE begun_at < tenon_at($1)', [before.events]);
  removed += await counted(db, 'DELETE FROM session WHERE expires_at < tenon_at($1)', [before.events]);
  return removed;
}

async function batches(batch: (tx: Queries) => Promise<number>, db: Database): Promise<number> {
  for (let removed = 0; ; ) {
    const now = await db.transaction(batch);
    if (now === 0) return removed;
    removed += now;
  }
}

async function counted(tx: Queries, text: string, params: readonly unknown[]): Promise<number> {
  const [row] = await tx.query<{ count: number }>(`WITH gone AS (${text} RETURNING 1) SELECT count(*) AS count FROM gone`, params);
  return row?.count ?? 0;
}

/** Deleted or hidden, and nothing owed, fenced or running any more: with all that belonged to it. */
async function goneSandboxes(tx: Queries, before: number): Promise<number> {
  const rows = await tx.query<{ id: string }>(
    `SELECT s.id FROM sandbox s
     WHERE (s.state = 'deleted' OR s.hidden) AND coalesce(s.deleted_at, s.created_at) < tenon_at($1)
       AND NOT EXISTS (SELECT 1 FROM effect e WHERE e.sandbox_id = s.id AND (e.state NOT IN ('released', 'waived') OR e.next_retry_at IS NOT NULL))
       AND NOT EXISTS (SELECT 1 FROM run r WHERE r.sandbox_id = s.id AND r.status IN ('running', 'waiting', 'interrupted'))
     LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [before, BATCH],
  );
  const ids = rows.map((row) => row.id);
  if (ids.length === 0) return 0;
  let removed = await counted(tx, 'DELETE FROM attempt WHERE run_id IN (SELECT id FROM run WHERE sandbox_id = ANY($1::text[]))', [ids]);
  for (const table of ['revision', 'effect', 'extension_state', 'run'])
    removed += await counted(tx, `DELETE FROM ${table} WHERE sandbox_id = ANY($1::text[])`, [ids]);
  return removed + (await counted(tx, 'DELETE FROM sandbox WHERE id = ANY($1::text[])', [ids]));
}

/** Of a sandbox that stays: its create, its last run, and every run that an effect of it names. */
const NEEDED = `r.sandbox_id IS NOT NULL AND (r.operation = 'create'
  OR r.id = (SELECT l.id FROM run l WHERE l.sandbox_id = r.sandbox_id ORDER BY l.opened DESC LIMIT 1)
  OR EXISTS (SELECT 1 FROM effect e WHERE e.run_id = r.id))`;

async function oldRuns(tx: Queries, before: number): Promise<number> {
  const rows = await tx.query<{ id: string }>(`SELECT r.id FROM run r WHERE r.ended_at < tenon_at($1) AND NOT (${NEEDED}) LIMIT $2 FOR UPDATE SKIP LOCKED`, [
    before,
    BATCH,
  ]);
  const ids = rows.map((row) => row.id);
  if (ids.length === 0) return 0;
  let removed = 0;
  for (const table of ['attempt', 'revision']) removed += await counted(tx, `DELETE FROM ${table} WHERE run_id = ANY($1::text[])`, [ids]);
  return removed + (await counted(tx, 'DELETE FROM run WHERE id = ANY($1::text[])', [ids]));
}

async function oldTraces(tx: Queries, before: number): Promise<number> {
  return counted(
    tx,
    `DELETE FROM attempt WHERE run_id IN (
       SELECT r.id FROM run r WHERE r.ended_at < tenon_at($1) AND EXISTS (SELECT 1 FROM attempt a WHERE a.run_id = r.id) LIMIT $2)`,
    [before, BATCH],
  );
}

/** Only placed events go; the newest that went is remembered, so that who resumes before it is told to start over. */
async function oldEvents(tx: Queries, before: number): Promise<number> {
  const rows = await tx.query<{ last_id: number; count: number }>(
    `DELETE FROM event WHERE pk IN (SELECT pk FROM event WHERE at < tenon_at($1) AND last_id IS NOT NULL ORDER BY last_id LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING last_id, count`,
    [before, BATCH * 10],
  );
  if (rows.length === 0) return 0;
  const newest = rows.reduce((max, row) => Math.max(max, row.last_id), 0);
  await tx.query('UPDATE installation SET event_floor = greatest(event_floor, $1)', [newest]);
  return rows.reduce((sum, row) => sum + row.count, 0);
}
