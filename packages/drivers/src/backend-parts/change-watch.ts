import type { DriverObservation } from '@tenon/lifecycle';

/**
 * Remembers what was last seen of each workload and tells watchers of what became different, whoever brought the news: the driver's
 * own calls, the backend's events, or a periodic look at everything.
 */
export class ChangeWatch {
  readonly #listeners = new Set<(sandboxId: string) => void>();
  readonly #seen = new Map<string, string>();

  add(listener: (sandboxId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What was seen of one workload now. */
  saw(observation: DriverObservation): void {
    const { sandboxId, state, ready, exitCode, instance } = observation;
    const print = JSON.stringify([state, ready, exitCode, instance]);
    const before = this.#seen.get(sandboxId);
    if (state === 'absent') {
      if (before === undefined) return;
      this.#seen.delete(sandboxId);
    } else {
      if (before === print) return;
      this.#seen.set(sandboxId, print);
    }
    this.tell(sandboxId);
  }

  /** A look at everything: what is not in it is gone. `since` holds those known before the look began: later ones may have been missed. */
  sawAll(observations: readonly DriverObservation[], since: ReadonlySet<string>): void {
    const there = new Set(observations.map((one) => one.sandboxId));
    for (const one of observations) this.saw(one);
    for (const sandboxId of since) {
      if (!there.has(sandboxId) && this.#seen.delete(sandboxId)) this.tell(sandboxId);
    }
  }

  known(): ReadonlySet<string> {
    return new Set(this.#seen.keys());
  }

  tell(sandboxId: string): void {
    for (const listener of [...this.#listeners]) listener(sandboxId);
  }

  clear(): void {
    this.#listeners.clear();
    this.#seen.clear();
  }
}
