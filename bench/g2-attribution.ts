import jsonPatch from 'fast-json-patch';
import type { Goal, Outcome } from './figures.ts';
import { attribute, EXTENSIONS, edit, LARGE_BYTES, planOf, SMALL_BYTES } from './plans.ts';
import { compare, cpuPerSyncCall } from './rounds.ts';

const SIZES: readonly { goal: Goal; what: string; bytes: number; calls: { ours: number; peer: number } }[] = [
  { goal: { name: 'G2a', bound: '>=', limit: 5 }, what: '10 KB', bytes: SMALL_BYTES, calls: { ours: 400, peer: 80 } },
  { goal: { name: 'G2b', bound: '>=', limit: 200 }, what: '1 MB', bytes: LARGE_BYTES, calls: { ours: 200, peer: 1 } },
];

/** The usual way to find out who changed what: keep a copy before each extension, let it edit the plan in place, compare the two. */
function snapshotAndCompare(original: string): number {
  const plan = JSON.parse(original);
  let found = 0;
  for (let i = 0; i < EXTENSIONS; i += 1) {
    const before = JSON.parse(JSON.stringify(plan));
    edit(plan, i);
    found += jsonPatch.compare(before, plan).length;
  }
  return found;
}

/** Attribution of ten extensions' changes by drafts, against snapshot and comparison: how many times cheaper. */
export async function g2Attribution(): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { goal, what, bytes, calls } of SIZES) {
    const plan = planOf(bytes);
    const original = JSON.stringify(plan);
    const expected = snapshotAndCompare(original);
    if (attribute(plan) !== expected) throw new Error(`both ways must find the same ${expected} changes`);
    const { ours, peer, ratio } = await compare(
      9,
      async () => cpuPerSyncCall(calls.ours, () => attribute(plan)),
      async () => cpuPerSyncCall(calls.peer, () => snapshotAndCompare(original)),
    );
    const detail = `${what}, ${EXTENSIONS} extensions: drafts ${(ours / 1000).toFixed(3)} ms, snapshot and compare ${(peer / 1000).toFixed(2)} ms of CPU`;
    outcomes.push({ goal, figure: 1 / ratio, detail });
  }
  return outcomes;
}
