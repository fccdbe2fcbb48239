import { median } from './figures.ts';

/** Rounds until what is measured has been compiled as it will be for good. */
const WARM_UPS = 3;

/** What one side of a comparison costs or yields per round; any unit, the same for both. */
export interface Compared {
  readonly ours: number;
  readonly peer: number;
  /** Median of the rounds' own ratios, ours over peer: a slow moment of the machine then hits both sides of one round, not one side of all. */
  readonly ratio: number;
}

/**
 * Measures both sides turn about, in the same process and minute, in alternating order: whatever else the machine is doing then
 * weighs on both. The first rounds warm up and are not counted.
 */
export async function compare(rounds: number, ourSide: () => Promise<number>, peerSide: () => Promise<number>): Promise<Compared> {
  // What one side leaves behind is not collected at the other's cost.
  const collected = (side: () => Promise<number>) => () => {
    // The young generation only: a full collection would also throw away what has been compiled and learnt.
    globalThis.gc?.({ type: 'minor', execution: 'sync' });
    return side();
  };
  const ours = collected(ourSide);
  const peer = collected(peerSide);
  const figures: { ours: number; peer: number }[] = [];
  for (let round = -WARM_UPS; round < rounds; round += 1) {
    let figure: { ours: number; peer: number };
    if (Math.abs(round) % 2 === 0) {
      const first = await ours();
      figure = { ours: first, peer: await peer() };
    } else {
      const first = await peer();
      figure = { ours: await ours(), peer: first };
    }
    if (round >= 0) figures.push(figure);
  }
  return {
    ours: median(figures.map((figure) => figure.ours)),
    peer: median(figures.map((figure) => figure.peer)),
    ratio: median(figures.map((figure) => figure.ours / figure.peer)),
  };
}

/** CPU time of this process, both kinds, per call, microseconds: it does not count the time that other processes had the processor. */
export async function cpuPerCall(calls: number, work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) await work();
  const spent = process.cpuUsage(before);
  return (spent.user + spent.system) / calls;
}

/** The same for work that is not asynchronous, without the cost of awaiting it. */
export function cpuPerSyncCall(calls: number, work: () => unknown): number {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call += 1) work();
  const spent = process.cpuUsage(before);
  return (spent.user + spent.system) / calls;
}

/** Time on the clock per call, milliseconds. */
export async function wallPerCall(calls: number, work: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  for (let call = 0; call < calls; call += 1) await work();
  return (performance.now() - before) / calls;
}
