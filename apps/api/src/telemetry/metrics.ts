import type { AttemptRecord } from '@tenon/lifecycle';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Deps } from '../context.ts';
import { askHealth } from '../use-cases/ask-driver.ts';

/** What Prometheus reads at /metrics. */
export class Metrics {
  readonly registry = new Registry();
  readonly #requests = new Histogram({
    name: 'tenon_http_request_duration_seconds',
    help: 'Time to answer a request',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
    registers: [this.registry],
  });
  readonly #attempts = new Histogram({
    name: 'tenon_attempt_duration_seconds',
    help: 'Time of one call of a hook, of a release or of the driver',
    labelNames: ['kind', 'phase', 'extension', 'outcome'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300],
    registers: [this.registry],
  });
  readonly #ticks = new Counter({
    name: 'tenon_worker_settled_total',
    help: 'Runs, sandboxes and effects that the worker settled',
    labelNames: ['work'],
    registers: [this.registry],
  });
  readonly #failedTicks = new Counter({
    name: 'tenon_worker_failures_total',
    help: 'Rounds of the worker that failed',
    labelNames: ['work'],
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  request(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status: String(status) }, seconds);
  }

  attempt(attempt: AttemptRecord): void {
    const { kind, phase, extension, outcome, durationMs } = attempt;
    this.#attempts.observe({ kind, phase: phase ?? '', extension: extension ?? '', outcome }, durationMs / 1000);
  }

  settled(work: string, count: number): void {
    this.#ticks.inc({ work }, count);
  }

  failedRound(work: string): void {
    this.#failedTicks.inc({ work });
  }

  /** Figures that are asked for when somebody reads. */
  watch(deps: Pick<Deps, 'engine' | 'store' | 'now'>): void {
    const { engine, store, now } = deps;
    const registers = [this.registry];
    new Gauge({
      name: 'tenon_sandboxes',
      help: 'Sandboxes not deleted',
      labelNames: ['driver'],
      registers,
      async collect() {
        for (const driver of engine.drivers()) this.set({ driver: driver.name }, await store.countSandboxes(driver.name));
      },
    });
    new Gauge({
      name: 'tenon_driver_healthy',
      help: '1 where the driver is healthy',
      labelNames: ['driver'],
      registers,
      async collect() {
        for (const driver of engine.drivers()) this.set({ driver: driver.name }, (await askHealth(driver, now)).state === 'healthy' ? 1 : 0);
      },
    });
    new Gauge({
      name: 'tenon_breaker_open',
      help: '1 where the breaker of an extension is open, 0.5 where it is half open',
      labelNames: ['extension'],
      registers,
      async collect() {
        for (const { name } of await store.listExtensions()) {
          const state = engine.breaker(name);
          this.set({ extension: name }, state === 'open' ? 1 : state === 'half_open' ? 0.5 : 0);
        }
      },
    });
    new Gauge({
      name: 'tenon_effects_owed',
      help: 'Effects whose release is owed, by extension; extension is empty for the driver',
      labelNames: ['extension'],
      registers,
      async collect() {
        this.reset();
        for (let cursor: string | undefined, pages = 0; pages < 50; pages += 1) {
          const page = await store.listEffects({ visible: null, state: ['owed'] }, cursor === undefined ? { limit: 200 } : { limit: 200, cursor });
          for (const effect of page.items) this.inc({ extension: effect.extension ?? '' });
          if (page.next === null) break;
          cursor = page.next;
        }
      },
    });
  }
}
