import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import type { Extension } from '../extension.ts';
import { defineExtension } from '../extension.ts';

const EFFECT_PHASES = ['before_create', 'after_create', 'before_start', 'after_ready'] as const;
type EffectPhase = (typeof EFFECT_PHASES)[number];

/** Three extensions that each make one effect in each effect phase; one of them fails in one phase, after or before it made its effect. */
function cast(
  log: string[],
  standing: Set<string>,
  failing: { extension: number; phase: EffectPhase; afterApply: boolean },
  badReleases: ReadonlySet<string>,
): Extension[] {
  return [0, 1, 2].map((index) =>
    defineExtension({
      name: `e${index}`,
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async ({ key }) => {
            log.push(`apply e${index} ${key}`);
            standing.add(`e${index} ${key}`);
            return { key };
          },
          release: async ({ key }) => {
            log.push(`release e${index} ${key}`);
            if (badReleases.has(`e${index} ${key}`)) throw new Error('stuck');
            standing.delete(`e${index} ${key}`);
          },
        },
      },
      hooks: Object.fromEntries(
        EFFECT_PHASES.map((phase) => [
          phase,
          {
            onFailure: 'fail',
            run: async (ctx: import('../context.ts').HookContext) => {
              const fails = failing.extension === index && failing.phase === phase;
              if (fails && !failing.afterApply) throw new Error('early');
              await ctx.effects.ensure('thing', phase, {});
              if (fails) throw new Error('late');
            },
          },
        ]),
      ),
    }),
  );
}

describe('unwinding', () => {
  it('releases exactly what was applied, newest first with the driver in its place, for every failing step and every subset of failing releases', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ extension: fc.integer({ min: 0, max: 2 }), phase: fc.constantFrom(...EFFECT_PHASES), afterApply: fc.boolean() }),
        fc.subarray(
          [0, 1, 2].flatMap((index) => EFFECT_PHASES.map((phase) => `e${index} ${phase}`)),
          { maxLength: 4 },
        ),
        async (failing, bad) => {
          const log: string[] = [];
          const standing = new Set<string>();
          const badReleases = new Set(bad);
          const driver = fakeDriver();
          const bench = await openEngine({ driver, extensions: cast(log, standing, failing, badReleases) });
          for (const index of [0, 1, 2]) await bench.activate(`e${index}`);
          const { run, sandbox } = await bench.create();

          const applied = log.filter((line) => line.startsWith('apply')).map((line) => line.slice('apply '.length));
          const released = log.filter((line) => line.startsWith('release')).map((line) => line.slice('release '.length));
          expect(run.status).not.toBe('succeeded');
          expect([...new Set(released)]).toEqual([...applied].reverse());

          const effects = await bench.effects(sandbox.id);
          const owed = effects.filter((row) => row.state === 'owed').map((row) => `${row.extension} ${row.key}`);
          expect(new Set(owed)).toEqual(new Set(applied.filter((each) => badReleases.has(each))));
          expect(run.status).toBe(owed.length > 0 ? 'failed_with_debt' : 'failed');
          // An extension's failed release holds up nothing: the workload is gone in every case, and the name is free.
          expect(driver.backend.workloads.size).toBe(0);
          expect(run.firstError).toMatchObject({ extension: `e${failing.extension}`, phase: failing.phase });

          // Debts are paid once the cause is gone.
          badReleases.clear();
          for (const row of effects.filter((each) => each.state === 'owed')) await bench.engine.retryEffect(row.id, OPERATOR);
          expect(standing).toEqual(new Set());
          await bench.engine.drain(0);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  it('the driver stands in the trace between what was made after it and what was made before it', async () => {
    const log: string[] = [];
    const driver = fakeDriver();
    const bench = await openEngine({ driver, extensions: cast(log, new Set(), { extension: 2, phase: 'after_ready', afterApply: true }, new Set()) });
    for (const index of [0, 1, 2]) await bench.activate(`e${index}`, { failurePolicy: { after_ready: 'fail' } });
    const { run } = await bench.create();
    const unwound = (await bench.attempts(run.id))
      .filter((attempt) => attempt.compensates !== null)
      .map((attempt) => (attempt.kind === 'driver' ? attempt.message : attempt.extension));
    expect(unwound).toEqual(['e2', 'e1', 'e0', 'stop', 'e2', 'e1', 'e0', 'e2', 'e1', 'e0', 'delete', 'e2', 'e1', 'e0']);
  });
});
