import type { Outcome } from './figures.ts';
import { attribute, EXTENSIONS, LARGE_BYTES, planOf, SMALL_BYTES } from './plans.ts';
import { compare, cpuPerSyncCall } from './rounds.ts';

const GOAL = { name: 'G3', bound: '<=', limit: 1.5 } as const;
const CALLS = 300;

/** What an extension costs at a plan of 1 MB, over what it costs at one of 10 KB. */
export async function g3PlanSize(): Promise<readonly Outcome[]> {
  const small = planOf(SMALL_BYTES);
  const large = planOf(LARGE_BYTES);
  const { ours, peer, ratio } = await compare(
    15,
    async () => cpuPerSyncCall(CALLS, () => attribute(large)) / EXTENSIONS,
    async () => cpuPerSyncCall(CALLS, () => attribute(small)) / EXTENSIONS,
  );
  return [{ goal: GOAL, figure: ratio, detail: `per extension: ${ours.toFixed(1)} µs at 1 MB, ${peer.toFixed(1)} µs at 10 KB of CPU` }];
}
