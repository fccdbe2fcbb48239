import { LIMITS } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { anIncomingRequest, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import { OK, scriptedTransport } from '../../testing/scripted-transport.ts';
import { completeManifest, defineExtension } from '../extension.ts';
import { type Clock, systemClock } from '../ports/clock.ts';

const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;

describe('the numbers', () => {
  it('are those of the design', () => {
    expect(LIMITS).toMatchObject({
      hookDeadlineMs: 10_000,
      hookDeadlineMaxMs: 300_000,
      releaseDeadlineMs: 10_000,
      attempts: 3,
      retryBaseMs: 200,
      retryMaxMs: 5_000,
      leaseMs: 15_000,
      leaseRenewMs: 5_000,
      abortGraceMs: 5_000,
      fenceExtraMs: 60_000,
      createBudgetMs: 600_000,
      startBudgetMs: 600_000,
      readyBudgetMs: 300_000,
      stopBudgetMs: 120_000,
      deleteBudgetMs: 600_000,
      unwindBudgetMs: 600_000,
      breakerFailures: 5,
      breakerOpenMs: 30_000,
      debtRetryBaseMs: 30_000,
      debtRetryMaxMs: 3_600_000,
      extensionStateBytes: 65_536,
      previewRequests: 20,
      previewConcurrency: 2,
      previewBudgetMs: 10_000,
      attemptsInline: 200,
    });
  });
});

describe('the budget of a run', () => {
  it('ends a create that takes too long, and the unwinding has one of its own', async () => {
    const released: string[] = [];
    const holder = defineExtension({
      name: 'holder',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async () => ({}),
          release: async ({ key }) => {
            await new Promise((resolve) => setTimeout(resolve, 60));
            released.push(key);
          },
        },
      },
      hooks: {
        before_create: {
          run: async (ctx) => {
            await ctx.effects.ensure('thing', 'k', {});
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [holder], limits: { createBudgetMs: 1_500 } });
    await bench.activate('holder');
    bench.driver.next('create', { kind: 'hang' });
    const { run, sandbox } = await bench.create();
    expect(run).toMatchObject({ status: 'failed', firstError: { code: 'run_timed_out' } });
    expect(sandbox.state).toBe('failed');
    expect(released).toEqual(['k']);
    expect(bench.driver.changes()).toEqual(['create', 'delete']);
  });

  it('gives readiness its own part', async () => {
    const driver = fakeDriver({ ownReadiness: true });
    const bench = await openEngine({ driver, limits: { readyBudgetMs: 60 } });
    const { run } = await bench.create();
    expect(run.firstError).toMatchObject({ code: 'run_timed_out', message: expect.stringContaining('ready'), hint: expect.any(String) });
    expect(driver.backend.workloads.size).toBe(0);
  });

  it('bounds the attempts of a hook: no retry begins that the budget does not hold', async () => {
    let calls = 0;
    const transport = scriptedTransport({
      remote: {
        hook: () => {
          calls += 1;
          return { ...OK, result: 'fail', message: 'later', retryAfterMs: 60_000 };
        },
      },
    });
    const bench = await openEngine({ transports: { http: transport }, limits: { createBudgetMs: 2_000 } });
    await bench.engine.register(
      completeManifest({ name: 'remote', revision: '1.0.0', activation: { mode: 'global' }, hooks: [{ phase: 'prepare_plan' }] }),
      EXTERNAL,
    );
    await bench.activate('remote');
    expect((await bench.create()).run.firstError?.code).toBe('hook_failed');
    expect(calls).toBe(1);
  });
});

describe('waiting', () => {
  it('is shown with what for: the backend, a retry', async () => {
    let calls = 0;
    const transport = scriptedTransport({
      remote: {
        hook: () => {
          calls += 1;
          return calls === 1 ? { ...OK, result: 'fail', message: 'later', retryAfterMs: 1_600 } : OK;
        },
      },
    });
    const bench = await openEngine({ transports: { http: transport } });
    await bench.engine.register(
      completeManifest({ name: 'remote', revision: '1.0.0', activation: { mode: 'global' }, hooks: [{ phase: 'prepare_plan' }] }),
      EXTERNAL,
    );
    await bench.activate('remote');
    bench.driver.next('create', { kind: 'delay', ms: 1_600 });
    const opened = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    const seen = async () => {
      const run = await bench.store.getRun(opened.run.id);
      return [run?.status, run?.waitingFor];
    };
    await expect.poll(seen, { timeout: 4_000 }).toEqual(['waiting', 'retry']);
    await expect.poll(seen, { timeout: 4_000 }).toEqual(['waiting', 'backend']);
    const ended = await bench.end(opened);
    expect(ended.run).toMatchObject({ status: 'succeeded', waitingFor: null });
  }, 15_000);
});

describe('deadlines', () => {
  it('cost few timers however many hooks there are, and no AbortController where no hook reads its signal', async () => {
    const timed = async (hooks: number): Promise<{ timers: number; controllers: number }> => {
      let timers = 0;
      let controllers = 0;
      const clock: Clock = {
        ...systemClock,
        timer: (ms, callback) => {
          timers += 1;
          return systemClock.timer(ms, callback);
        },
      };
      const extensions = Array.from({ length: hooks }, (_, i) =>
        defineExtension({
          name: `e${i}`,
          revision: '1.0.0',
          description: '',
          activation: { mode: 'global' },
          hooks: { validate_request: { run: () => undefined }, after_create: { run: async () => undefined } },
        }),
      );
      const bench = await openEngine({ extensions, clock, limits: { leaseRenewMs: 10_000, leaseMs: 30_000 } });
      for (const { manifest } of extensions) await bench.activate(manifest.name);
      const Original = globalThis.AbortController;
      globalThis.AbortController = class extends Original {
        constructor() {
          super();
          controllers += 1;
        }
      };
      timers = 0;
      try {
        expect((await bench.create()).run.status).toBe('succeeded');
      } finally {
        globalThis.AbortController = Original;
      }
      return { timers, controllers };
    };
    const few = await timed(1);
    const many = await timed(40);
    expect(many.controllers).toBe(few.controllers);
    expect(many.timers - few.timers).toBeLessThan(8);
  });
});
