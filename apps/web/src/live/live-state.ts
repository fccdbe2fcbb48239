/** How fresh what the page shows is. It never looks fresher than it is. */
export interface LiveState {
  /** `polling`: the stream is down, but reads still answer. `stale`: neither does. */
  readonly phase: 'connecting' | 'live' | 'reconnecting' | 'polling' | 'stale';
  /** The last moment at which what is shown was known to be current, epoch ms; 0: never. */
  readonly freshAt: number;
  /** When the next try begins, epoch ms; null while one is under way. */
  readonly nextTryAt: number | null;
}

export const CONNECTING: LiveState = { phase: 'connecting', freshAt: 0, nextTryAt: null };

/** How long a lost stream counts as a hiccup before the page says stale. */
export const STALE_AFTER_MS = 10_000;
/** A stream that brings not even a comment for this long is dead, whatever the socket says. */
export const SILENT_AFTER_MS = 60_000;

/** Wait before the next try: 0.5 s doubling to 15 s, with jitter so that many tabs do not come at once. */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(15_000, 500 * 2 ** Math.min(failures, 10));
  return Math.round(full / 2 + (full / 2) * random);
}

/** The phase of a stream that is down, by how long it has been. */
export function downPhase(freshAt: number, now: number, polledAt: number): LiveState['phase'] {
  if (freshAt !== 0 && now - freshAt < STALE_AFTER_MS && polledAt < freshAt) return 'reconnecting';
  if (now - polledAt < 2 * STALE_AFTER_MS) return 'polling';
  return freshAt === 0 ? 'reconnecting' : 'stale';
}
