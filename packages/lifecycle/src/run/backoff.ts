import type { Clock } from '../ports/clock.ts';

/** Full jitter: anything between nothing and the doubled base, so that replicas and hooks do not retry in step. */
export function backoff(clock: Clock, tries: number, baseMs: number, maxMs: number): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(tries, 30));
  return Math.round(clock.random() * ceiling);
}
