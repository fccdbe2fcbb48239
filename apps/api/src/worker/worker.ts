import type { Clock, Engine, Store } from '@tenon/lifecycle';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface WorkerOptions {
  readonly engine: Pick<Engine, 'recover' | 'reconcile' | 'retryDebts' | 'auditEffects'>;
  readonly store: Pick<Store, 'now' | 'prune'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly retention: { readonly tracesMs: number; readonly eventsMs: number };
}

interface Round {
  readonly work: string;
  readonly everyMs: number;
  readonly run: () => Promise<number>;
}

/**
 * What the product does unasked: settles runs that lost their holder, looks for sandboxes that ended by themselves, retries debts, and
 * forgets old traces. Each kind of work goes round by itself and never overlaps with itself.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #stop = new AbortController();
  #loops: Promise<void>[] = [];

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  start(): void {
    const { engine } = this.#options;
    const rounds: readonly Round[] = [
      { work: 'recover', everyMs: 5_000, run: () => engine.recover() },
      { work: 'reconcile', everyMs: 5_000, run: () => engine.reconcile() },
      { work: 'debts', everyMs: 5_000, run: () => engine.retryDebts() },
      { work: 'leaks', everyMs: 3_600_000, run: () => engine.auditEffects() },
      { work: 'prune', everyMs: 600_000, run: () => this.#prune() },
    ];
    this.#loops = rounds.map((round) => this.#goRound(round));
  }

  /** Settles once every round under way has ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#loops);
  }

  async #goRound(round: Round): Promise<void> {
    const { clock, log, metrics } = this.#options;
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const settled = await round.run();
        failures = 0;
        if (settled > 0) {
          metrics.settled(round.work, settled);
          log.info({ work: round.work, settled }, 'the worker settled something');
        }
      } catch (err) {
        failures += 1;
        metrics.failedRound(round.work);
        log.error({ work: round.work, err, failures }, 'a round of the worker failed; it goes round again');
      }
      // A store that is away is asked less often, and replicas do not all come at once.
      const pause = round.everyMs * Math.min(8, 2 ** failures) * (0.75 + 0.5 * clock.random());
      await clock.sleep(pause, signal);
    }
  }

  async #prune(): Promise<number> {
    const { store, retention } = this.#options;
    const now = await store.now();
    return store.prune({ traces: now - retention.tracesMs, events: now - retention.eventsMs });
  }
}
