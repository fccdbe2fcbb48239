import { setTimeout as sleep } from 'node:timers/promises';

/** Asks every 50 ms until the answer is yes; false once `patience` ms have passed. */
export async function waitUntil(condition: () => Promise<boolean>, patience: number): Promise<boolean> {
  const until = performance.now() + patience;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= until) return false;
    await sleep(50);
  }
}
