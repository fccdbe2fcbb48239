import { describe, expect, it } from 'vitest';
import { OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { defineExtension } from '../extension.ts';

const PLAIN = { force: false, reason: null } as const;

interface Plan {
  labels: Record<string, string>;
}

function maker(failIn: 'after_create' | null) {
  return defineExtension<Plan>({
    name: 'maker',
    revision: '1.4.0',
    description: '',
    activation: { mode: 'global' },
    effects: { thing: { apply: async () => ({ n: 1 }), release: async () => undefined } },
    hooks: {
      prepare_plan: {
        points: ['docker.labels'],
        run: (ctx) => {
          ctx.log.info('looking');
          ctx.plan.labels.team = 'blue';
          return { message: 'teams are coloured', warnings: ['only blue is left'] };
        },
      },
      before_create: {
        run: async (ctx) => {
          await ctx.effects.ensure('thing', 'k', {});
        },
      },
      after_create: {
        run: () => {
          if (failIn === 'after_create') return { result: 'fail', code: 'E42', message: 'no luck' };
          return undefined;
        },
      },
    },
  });
}

describe('the trace', () => {
  it('has every attempt whole: who, where, when, how it went, what it changed and made', async () => {
    const bench = await openEngine({ extensions: [maker('after_create')] });
    await bench.activate('maker');
    const { run, sandbox } = await bench.create();
    const attempts = await bench.attempts(run.id);
    const [row] = (await bench.effects(sandbox.id)).filter((each) => each.extension === 'maker');
    expect(attempts.map((attempt) => attempt.seq)).toEqual(attempts.map((_, i) => i + 1));
    expect(attempts[0]).toMatchObject({
      runId: run.id,
      sandboxId: sandbox.id,
      parentId: null,
      kind: 'hook',
      phase: 'prepare_plan',
      extension: 'maker',
      revision: '1.4.0',
      number: 1,
      outcome: 'changed',
      message: 'teams are coloured',
      error: null,
      startedAt: expect.any(Number),
      durationMs: expect.any(Number),
      changes: [
        {
          op: 'add',
          path: '/labels/team',
          after: 'blue',
          by: { extension: 'maker', revision: '1.4.0', phase: 'prepare_plan' },
          reason: 'teams are coloured',
          overrode: null,
        },
      ],
      effects: [],
      warnings: ['only blue is left'],
      logs: [{ level: 'info', message: 'looking', at: expect.any(Number) }],
      compensates: null,
      spanId: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(attempts[1]).toMatchObject({ phase: 'before_create', outcome: 'ok', effects: [row?.id] });
    expect(attempts[2]).toMatchObject({ kind: 'driver', phase: null, extension: null, outcome: 'ok', message: 'create' });
    expect(attempts[3]).toMatchObject({ phase: 'after_create', outcome: 'failed', error: { code: 'hook_failed', message: 'no luck', hookCode: 'E42' } });
    expect(run.firstError).toMatchObject({ code: 'hook_failed', hookCode: 'E42', attemptId: attempts[3]?.id });
    expect(run.attemptCount).toBe(attempts.length);
    expect(run.traceId).toMatch(/^[0-9a-f]{32}$/);
  });

  it('links the span of a cleanup to the attempt that made what it releases, in the same run', async () => {
    const bench = await openEngine({ extensions: [maker('after_create')] });
    await bench.activate('maker');
    const { run } = await bench.create();
    const attempts = await bench.attempts(run.id);
    const spanOf = (what: (attempt: (typeof attempts)[number]) => boolean) => attempts.find(what)?.spanId;
    const links = bench.spans.filter((span) => span.attempt.compensates !== null).map((span) => [span.attempt.kind, span.linkSpanId, span.linkTraceId]);
    expect(links).toEqual([
      ['driver', spanOf((attempt) => attempt.message === 'create'), run.traceId],
      ['release', spanOf((attempt) => attempt.phase === 'before_create'), run.traceId],
    ]);
    expect(bench.spans.filter((span) => span.attempt.compensates === null).every((span) => span.linkSpanId === null)).toBe(true);
  });

  it('and in a later run, whose trace is another', async () => {
    const bench = await openEngine({ extensions: [maker(null)] });
    await bench.activate('maker');
    const { run, sandbox } = await bench.create();
    const made = (await bench.attempts(run.id)).find((attempt) => attempt.phase === 'before_create');
    const deleted = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, PLAIN));
    expect(deleted.run.traceId).not.toBe(run.traceId);
    const release = bench.spans.find((span) => span.attempt.kind === 'release');
    expect(release).toMatchObject({
      traceId: deleted.run.traceId,
      attempt: { compensates: made?.id },
      linkSpanId: made?.spanId,
      linkTraceId: run.traceId,
    });
  });
});
