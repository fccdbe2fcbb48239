import {
  type EffectRecord,
  eventsOf,
  type JournalEntry,
  type JournalStore,
  type NewEvent,
  type RunLease,
  RunLost,
  type RunRecord,
  runEvent,
  type SandboxRecord,
  type StepRecord,
  sandboxEvent,
  TenonError,
  toStorableJson,
} from '@tenon/lifecycle';
import type { Database, Queries } from './database.ts';
import { brokenConstraint, codeOf, isRepeatable } from './failures.ts';
import { type EffectRow, RUN_COLUMNS, type RunRow, type SandboxRow, toEffect, toRun, toSandbox } from './rows.ts';

const ACTIVE = "status IN ('running', 'waiting', 'interrupted')";
const LEASE_COLUMNS = 'id, lease_holder, lease_token';

interface LeaseRow {
  id: string;
  lease_holder: string | null;
  lease_token: number;
}

type Writes = Pick<
  JournalStore,
  'openCreate' | 'openPreview' | 'openRun' | 'takeLease' | 'renewLease' | 'dropLease' | 'commit' | 'expiredRuns' | 'claimDueEffects' | 'settleEffect'
>;

/** The journal's writes. `told` is called after whatever may have made events. */
export function journalWrites(db: Database, told: () => void): Writes {
  return {
    openCreate: async (sandbox, run, holder, leaseMs) => {
      await open(db, sandbox, { ...run, fromState: null }, holder, leaseMs);
      told();
      return { runId: run.id, holder, token: 1 };
    },

    openPreview: async (run, holder, leaseMs) => {
      await open(db, null, run, holder, leaseMs);
      told();
      return { runId: run.id, holder, token: 1 };
    },

    openRun: async (run, holder, leaseMs, decide) => {
      const answer = await repeated(() => db.transaction((tx) => openRun(tx, run, holder, leaseMs, decide)));
      told();
      return answer;
    },

    takeLease: async (runId, holder, leaseMs) => {
      const rows = await db.query<LeaseRow>(
        `UPDATE run SET lease_holder = $2, lease_token = lease_token + 1, lease_until = tenon_later($3)
         WHERE id = $1 AND ${ACTIVE} AND (lease_holder IS NULL OR lease_until <= clock_timestamp()) RETURNING ${LEASE_COLUMNS}`,
        [runId, holder, leaseMs],
      );
      return rows[0] === undefined ? null : leaseOf(rows[0]);
    },

    renewLease: async (lease, leaseMs) => {
      const rows = await db.query<RunRow>(`SELECT ${RUN_COLUMNS} FROM tenon_renew($1, $2, $3, $4)`, [lease.runId, lease.holder, lease.token, leaseMs]);
      const row = rows[0];
      if (row === undefined) throw new RunLost(lease.runId);
      return { cancelledBy: row.cancelled_by, force: row.force };
    },

    dropLease: async (lease) => {
      await db.query('UPDATE run SET lease_holder = NULL, lease_until = clock_timestamp() WHERE id = $1 AND lease_holder = $2 AND lease_token = $3', [
        lease.runId,
        lease.holder,
        lease.token,
      ]);
    },

    commit: async (lease, entries) => {
      const { rest, attempts, events } = bundle(lease.runId, entries);
      const params = [
        lease.runId,
        lease.holder,
        lease.token,
        toStorableJson(rest),
        attempts.length === 0 ? null : toStorableJson(attempts),
        events.length,
        toStorableJson(events),
      ];
      try {
        await repeated(() => db.query('SELECT tenon_commit($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7)', params));
      } catch (error) {
        throw commitFailure(error, lease.runId);
      }
      told();
    },

    expiredRuns: async (limit) => {
      const rows = await db.query<RunRow>(`SELECT ${RUN_COLUMNS} FROM tenon_expired_runs($1)`, [limit]);
      if (rows.length > 0) told();
      return rows.map(toRun);
    },

    claimDueEffects: async (limit, leaseMs) => {
      const rows = await db.query<EffectRow>(
        `UPDATE effect SET claimed_until = tenon_later($2) WHERE id IN (
           SELECT e.id FROM effect e
           WHERE e.state IN ('owed', 'released') AND e.next_retry_at <= clock_timestamp() AND (e.claimed_until IS NULL OR e.claimed_until <= clock_timestamp())
             AND NOT EXISTS (SELECT 1 FROM run r WHERE r.sandbox_id = e.sandbox_id AND r.${ACTIVE})
           ORDER BY e.next_retry_at, e.seq DESC LIMIT $1 FOR NO KEY UPDATE OF e SKIP LOCKED)
         RETURNING *`,
        [limit, leaseMs],
      );
      return rows.map(toEffect).sort((a, b) => (a.nextRetryAt ?? 0) - (b.nextRetryAt ?? 0) || b.seq - a.seq);
    },

    settleEffect: async (effect, expected) => {
      const context = { runId: effect.runId, sandboxId: effect.sandboxId, workspace: null };
      const events = eventsOf([{ type: 'effect', effect }], context).map(stored);
      try {
        const rows = await repeated(() =>
          db.query<{ settled: boolean }>('SELECT tenon_settle($1::jsonb, $2, $3, $4) AS settled', [
            toStorableJson(effect),
            expected,
            events.length,
            toStorableJson(events),
          ]),
        );
        told();
        return rows[0]?.settled ?? false;
      } catch (error) {
        throw commitFailure(error, effect.runId);
      }
    },
  };
}

async function open(db: Database, sandbox: SandboxRecord | null, run: RunRecord, holder: string, leaseMs: number): Promise<void> {
  const events = [...(sandbox === null ? [] : [sandboxEvent(sandbox, run.id)]), runEvent(run)].map(stored);
  const params = [sandbox === null ? null : toStorableJson(sandbox), toStorableJson(run), holder, leaseMs, events.length, toStorableJson(events)];
  try {
    await db.query('SELECT tenon_open($1::jsonb, $2::jsonb, $3, $4, $5, $6)', params);
  } catch (error) {
    if (sandbox !== null && brokenConstraint(error)?.startsWith('sandbox_')) throw nameTaken(sandbox);
    if (brokenConstraint(error) === 'run_pkey') throw new TenonError('internal', `A run with the id ${run.id} exists already.`, { runId: run.id });
    throw error;
  }
}

async function openRun(
  tx: Queries,
  run: RunRecord,
  holder: string,
  leaseMs: number,
  decide: Parameters<JournalStore['openRun']>[3],
): Promise<{ readonly run: RunRecord; readonly lease: RunLease | null }> {
  const [box] = await tx.query<SandboxRow>('SELECT * FROM sandbox WHERE id = $1 FOR NO KEY UPDATE', [run.sandboxId]);
  if (box === undefined) throw new TenonError('not_found', `There is no sandbox ${run.sandboxId ?? '(none)'}.`);
  const sandbox = toSandbox(box);
  const [found] = await tx.query<RunRow>(`SELECT ${RUN_COLUMNS} FROM run WHERE sandbox_id = $1 AND ${ACTIVE} ORDER BY opened DESC LIMIT 1 FOR NO KEY UPDATE`, [
    sandbox.id,
  ]);
  const active = found === undefined ? null : toRun(found);
  const decision = decide(sandbox, active);
  if ('existing' in decision) return { run: await joinRun(tx, decision.existing, decision.force === true), lease: null };
  if (decision.open === 'now' && active !== null) {
    throw new TenonError('internal', `Run ${active.id} of sandbox ${sandbox.id} has not ended: a second one may only supersede it.`);
  }
  const opened: RunRecord = { ...run, fromState: sandbox.state, ...(active === null ? {} : { status: 'waiting', waitingFor: 'run' }) };
  const moved = decision.state === undefined ? null : { ...sandbox, state: decision.state };
  const events = [
    ...(active === null ? [] : [{ ...stored(runEvent({ ...active, cancelledBy: run.id })), runId: active.id }]),
    stored(runEvent(opened)),
    ...(moved === null ? [] : [stored(sandboxEvent(moved, run.id))]),
  ];
  try {
    await tx.query('SELECT tenon_open_run($1::jsonb, $2, $3, $4, $5, $6, $7)', [
      toStorableJson(opened),
      holder,
      leaseMs,
      active?.id ?? null,
      moved?.state ?? null,
      events.length,
      toStorableJson(events),
    ]);
  } catch (error) {
    if (brokenConstraint(error) === 'sandbox_name_taken') throw nameTaken(sandbox);
    throw error;
  }
  const [row] = await tx.query<RunRow>(`SELECT ${RUN_COLUMNS} FROM run WHERE id = $1`, [run.id]);
  if (row === undefined) throw new TenonError('internal', `Run ${run.id} is not there after it was opened.`);
  return { run: toRun(row), lease: { runId: run.id, holder, token: 1 } };
}

async function joinRun(tx: Queries, id: string, force: boolean): Promise<RunRecord> {
  const [row] = await tx.query<RunRow>(`SELECT ${RUN_COLUMNS} FROM run WHERE id = $1 FOR NO KEY UPDATE`, [id]);
  if (row === undefined) throw new TenonError('internal', `There is no run ${id} to answer with.`);
  if (!force || row.force) return toRun(row);
  const [forced] = await tx.query<RunRow>(`SELECT ${RUN_COLUMNS} FROM tenon_mark_run($1, NULL, true)`, [id]);
  return toRun(forced ?? row);
}

/** The entries as `tenon_commit` takes them: each row once, in its last version, at the place of that version. */
function bundle(
  runId: string,
  entries: readonly JournalEntry[],
): { readonly rest: object; readonly attempts: readonly unknown[]; readonly events: readonly unknown[] } {
  const steps: StepRecord[] = [];
  const attempts = new Map<string, unknown>();
  const effects = new Map<string, EffectRecord>();
  const revisions = new Map<number, unknown>();
  const states = new Map<string, unknown>();
  const sandboxes = new Set<string>();
  let sandbox: Record<string, unknown> | undefined;
  let run: Record<string, unknown> | undefined;
  for (const entry of entries) {
    switch (entry.type) {
      case 'step':
        steps.push(entry.step);
        break;
      case 'attempt':
        put(attempts, entry.attempt.id, entry.attempt);
        break;
      case 'revision':
        put(revisions, entry.revision.number, entry.revision);
        break;
      case 'effect':
        sandboxes.add(entry.effect.sandboxId);
        put(effects, entry.effect.id, entry.effect);
        break;
      case 'sandbox':
        sandboxes.add(entry.sandboxId);
        sandbox = { ...sandbox, ...entry.change };
        break;
      case 'run':
        run = { ...run, ...entry.change };
        break;
      case 'extension_state':
        sandboxes.add(entry.sandboxId);
        put(states, entry.extension, { extension: entry.extension, value: entry.value });
        break;
    }
  }
  const [sandboxId, another] = sandboxes;
  if (another !== undefined) throw new TenonError('internal', `Run ${runId} wrote entries of two sandboxes, ${sandboxId} and ${another}.`, { runId });
  return {
    rest: {
      ...(sandboxId === undefined ? {} : { sandboxId }),
      ...(sandbox === undefined ? {} : { sandbox }),
      ...(run === undefined ? {} : { run }),
      ...(steps.length === 0 ? {} : { steps }),
      ...(effects.size === 0 ? {} : { effects: [...effects.values()] }),
      ...(revisions.size === 0 ? {} : { revisions: [...revisions.values()] }),
      ...(states.size === 0 ? {} : { states: [...states.values()] }),
    },
    attempts: [...attempts.values()],
    events: eventsOf(entries, { runId, sandboxId: null, workspace: null }).map(stored),
  };
}

function put<K, V>(rows: Map<K, V>, key: K, value: V): void {
  rows.delete(key);
  rows.set(key, value);
}

/** What stands in the outbox of an event: the row around it says whose it is. */
function stored({ type, data }: NewEvent): Pick<NewEvent, 'type' | 'data'> {
  return { type, data };
}

function leaseOf(row: LeaseRow): RunLease {
  return { runId: row.id, holder: row.lease_holder ?? '', token: row.lease_token };
}

function nameTaken(sandbox: SandboxRecord): TenonError {
  return new TenonError(
    'sandbox_exists',
    `The workspace "${sandbox.workspace}" has a sandbox named "${sandbox.name}" (or with the id ${sandbox.id}) already.`,
    {
      hint: 'Choose another name, or delete that sandbox first.',
    },
  );
}

function commitFailure(error: unknown, runId: string): unknown {
  const code = codeOf(error);
  if (code === 'TN001') return new RunLost(runId);
  if (code === 'TN002' && error instanceof Error) return new TenonError('internal', error.message, { runId }, error);
  const constraint = brokenConstraint(error);
  if (constraint === 'effect_identity') {
    return new TenonError('internal', `Run ${runId} wrote a second effect of an identity that is not released.`, { runId }, error);
  }
  if (constraint === 'sandbox_name_taken') {
    return new TenonError(
      'sandbox_exists',
      'The name of this sandbox has been taken by another meanwhile.',
      { runId, hint: 'Delete the other one first.' },
      error,
    );
  }
  return error;
}

/** A deadlock's victim wrote nothing and may simply try again. */
async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isRepeatable(error) || tries >= 5) throw error;
    }
  }
}
