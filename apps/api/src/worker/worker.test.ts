import { systemClock } from '@tenon/lifecycle';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Metrics } from '../telemetry/metrics.ts';
import { Worker } from './worker.ts';

describe('the worker', () => {
  it('goes round each kind of work, survives failures, and ends when told', async () => {
    const calls: string[] = [];
    // Time that passes at once, so that rounds follow each other without waiting.
    const clock = { ...systemClock, sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(Math.min(ms, 1), signal) };
    const metrics = new Metrics();
    let failures = 0;
    const worker = new Worker({
      engine: {
        recover: async () => {
          calls.push('recover');
          return 1;
        },
        reconcile: async () => {
          calls.push('reconcile');
          failures += 1;
          if (failures === 1) throw new Error('the store is away');
          return 0;
        },
        retryDebts: async () => {
          calls.push('debts');
          return 2;
        },
        auditEffects: async () => {
          calls.push('leaks');
          return 0;
        },
      },
      store: {
        now: async () => 100_000_000,
        prune: async (before) => {
          calls.push(`prune ${before.traces} ${before.events}`);
          return 0;
        },
      },
      clock,
      log: pino({ level: 'silent' }),
      metrics,
      retention: { tracesMs: 1000, eventsMs: 500 },
    });
    worker.start();
    await expect.poll(() => calls.filter((call) => call === 'reconcile').length).toBeGreaterThan(2);
    await worker.stop();
    const after = calls.length;
    await systemClock.sleep(20);
    expect(calls.length).toBe(after);
    expect(calls).toContain('prune 99999000 99999500');
    const text = await metrics.registry.metrics();
    expect(text).toContain('tenon_worker_failures_total{work="reconcile"} 1');
    expect(text).toMatch(/tenon_worker_settled_total\{work="debts"\} \d+/);
  });
});
