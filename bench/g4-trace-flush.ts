import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type AttemptRecord, newId, newSpanId, newTraceId, type RunRecord } from '@tenon/lifecycle';
import { aRequest } from '@tenon/lifecycle/testing';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Outcome } from './figures.ts';
import { withDatabase } from './postgres.ts';
import { compare, wallPerCall } from './rounds.ts';

const GOAL = { name: 'G4', bound: '>=', limit: 0.8 } as const;
const ROWS = 200;
const FLUSHES = 20;

/** Trace rows a second that the journal's commit writes, over what COPY writes of the same rows into a table with the same indexes. */
export async function g4TraceFlush(): Promise<readonly Outcome[]> {
  return withDatabase(async ({ opened: { store }, pool }) => {
    const run = aRun();
    const lease = await store.openPreview(run, 'bench', 3_600_000);
    await pool.query('CREATE TABLE copied (LIKE attempt INCLUDING ALL)');
    const columns = (
      await pool.query<{ name: string }>("SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'attempt' ORDER BY ordinal_position")
    ).rows.map((row) => row.name);
    const client = await pool.connect();
    let seq = 0;
    const next = () => {
      seq += ROWS;
      return seq;
    };
    const flush = () =>
      store.commit(
        lease,
        attemptsOf(run, next()).map((attempt) => ({ type: 'attempt', attempt }) as const),
      );
    const copy = () => copyRows(client, columns, attemptsOf(run, next()));
    try {
      const { ours, peer, ratio } = await compare(
        11,
        () => wallPerCall(FLUSHES, flush),
        () => wallPerCall(FLUSHES, copy),
      );
      const [written, copied] = await Promise.all(['attempt', 'copied'].map((table) => pool.query<{ rows: string }>(`SELECT count(*) AS rows FROM ${table}`)));
      if (Number(written?.rows[0]?.rows) !== Number(copied?.rows[0]?.rows)) throw new Error('both ways must have written as many rows');
      const perSecond = (ms: number) => Math.round((ROWS / ms) * 1000);
      const detail = `${ROWS} rows a flush: journal ${perSecond(ours)} rows/s (${ours.toFixed(2)} ms), COPY ${perSecond(peer)} rows/s (${peer.toFixed(2)} ms)`;
      return [{ goal: GOAL, figure: 1 / ratio, detail }];
    } finally {
      client.release();
    }
  });
}

async function copyRows(client: pg.PoolClient, columns: readonly string[], attempts: readonly AttemptRecord[]): Promise<void> {
  const text = attempts.map((attempt) => columns.map((column) => field(attempt, column)).join('\t')).join('\n');
  await pipeline(Readable.from([`${text}\n`]), client.query(copyFrom(`COPY copied (${columns.join(', ')}) FROM STDIN`)));
}

/** One value in COPY's text format. */
function field(attempt: AttemptRecord, column: string): string {
  const name = column.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const value = (attempt as unknown as Readonly<Record<string, unknown>>)[name];
  if (value === null || value === undefined) return '\\N';
  const text = name === 'startedAt' ? new Date(Number(value)).toISOString() : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
}

/** Attempts as a run writes them: most say little, some changed the plan, a few wrote a line. */
function attemptsOf(run: RunRecord, seq: number): AttemptRecord[] {
  return Array.from({ length: ROWS }, (_, i) => ({
    id: newId(),
    runId: run.id,
    sandboxId: null,
    parentId: null,
    kind: 'hook',
    phase: 'prepare_plan',
    extension: `extension-${i % 10}`,
    revision: '1.0.0',
    seq: seq + i,
    number: 1,
    outcome: i % 4 === 0 ? 'changed' : 'ok',
    reason: null,
    message: i % 4 === 0 ? 'labels by tenant' : null,
    error: null,
    startedAt: 1_795_500_000_000 + seq + i,
    durationMs: 0.25,
    changes:
      i % 4 === 0
        ? [
            {
              op: 'add',
              path: `/labels/owner-${i}`,
              after: 'acme',
              by: { extension: `extension-${i % 10}`, revision: '1.0.0', phase: 'prepare_plan' },
              reason: 'labels by tenant',
              overrode: null,
            },
          ]
        : [],
    effects: [],
    wouldBeEffects: [],
    warnings: [],
    logs: i % 10 === 0 ? [{ at: 1_795_500_000_000 + seq, level: 'info', message: 'looked at the tenant and found it in order' }] : [],
    compensates: null,
    spanId: newSpanId(),
  }));
}

function aRun(): RunRecord {
  return {
    id: newId(),
    sandboxId: null,
    sandboxName: 'demo',
    workspace: 'default',
    driver: 'docker',
    operation: 'preview',
    status: 'running',
    waitingFor: null,
    force: false,
    reason: null,
    actor: { kind: 'token', name: 'bench', role: 'admin' },
    requestId: 'bench',
    traceId: newTraceId(),
    startedAt: Date.now(),
    endedAt: null,
    firstError: null,
    cancelledBy: null,
    fromState: null,
    attemptCount: 0,
    steps: [],
    preview: {
      request: aRequest(),
      record: { decidedAt: Date.now(), claims: {}, claimsSource: 'token', extensions: [], passedOver: [] },
      pending: [],
    },
  };
}
