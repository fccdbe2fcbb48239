import { setTimeout as sleep } from 'node:timers/promises';

/** What `look` answers once it is not null; fails with what it said last where that takes longer than `withinMs`. */
export async function eventually<T>(what: string, look: () => Promise<T | null> | T | null, withinMs = 30_000): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > until) throw new Error(`within ${withinMs} ms it did not come about: ${what}`);
    await sleep(50);
  }
}
