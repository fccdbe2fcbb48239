import type { Store } from '@tenon/lifecycle';
import { newId } from '@tenon/lifecycle';
import type { Outcome } from './figures.ts';
import { withDatabase } from './postgres.ts';
import { compare, wallPerCall } from './rounds.ts';

const GOAL = { name: 'G5', bound: '<=', limit: 1.5 } as const;
const RUNS_OF_ONE = 21_000;
const OTHER_RUNS = 200_000;
const OTHER_SANDBOXES = 2_000;
const DEPTH = 20_000;
const PAGE = 50;
const READS = 100;

/** A page of one sandbox's runs at depth 20,000, over the first page of the same list, among many runs of others. */
export async function g5Keyset(): Promise<readonly Outcome[]> {
  return withDatabase(async ({ opened: { store }, pool }) => {
    const sandboxId = newId();
    const insert = `INSERT INTO run (id, sandbox_id, sandbox_name, workspace, driver, operation, status, actor, request_id, trace_id, started_at, ended_at, lease_until)
      SELECT 'run-' || $1 || '-' || i, $2 || CASE WHEN $3 > 0 THEN '-' || i % $3 ELSE '' END, 'demo', 'default', 'docker', 'start', 'succeeded',
        '{"kind":"token","name":"bench","role":"admin"}', 'bench', md5(i::text), timestamptz '2026-01-01' + i * interval '7 seconds',
        timestamptz '2026-01-01' + i * interval '7 seconds' + interval '2 seconds', now() FROM generate_series(1, $4) AS i`;
    await pool.query(insert, ['others', 'other', OTHER_SANDBOXES, OTHER_RUNS]);
    await pool.query(insert, ['own', sandboxId, 0, RUNS_OF_ONE]);
    await pool.query('VACUUM ANALYZE run');

    const cursor = await cursorAt(store, sandboxId, DEPTH);
    const page = (from?: string) => store.listRuns({ visible: null, sandboxId }, { limit: PAGE, ...(from === undefined ? {} : { cursor: from }) });
    const [first, deep] = [await page(), await page(cursor)];
    if (first.items.length !== PAGE || deep.items.length !== PAGE || deep.items[0]?.id !== `run-own-${RUNS_OF_ONE - DEPTH}`)
      throw new Error('a page does not hold what it should');
    const { ours, peer, ratio } = await compare(
      21,
      () => wallPerCall(READS, () => page(cursor)),
      () => wallPerCall(READS, () => page()),
    );
    const detail = `${PAGE} of ${RUNS_OF_ONE} runs among ${OTHER_RUNS + RUNS_OF_ONE}: at depth ${DEPTH} ${ours.toFixed(2)} ms, first page ${peer.toFixed(2)} ms`;
    return [{ goal: GOAL, figure: ratio, detail }];
  });
}

/** Walks the list as a client does, page by page. */
async function cursorAt(store: Store, sandboxId: string, depth: number): Promise<string> {
  let cursor: string | undefined;
  for (let seen = 0; seen < depth; ) {
    const { items, next } = await store.listRuns({ visible: null, sandboxId }, { limit: 200, ...(cursor === undefined ? {} : { cursor }) });
    if (next === null) throw new Error(`the list ended after ${seen + items.length} runs`);
    seen += items.length;
    cursor = next;
  }
  return cursor ?? '';
}
