import type { Phase } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../../testing/engine-bench.ts';
import { OK, type Script, scriptedTransport } from '../../testing/scripted-transport.ts';
import { TenonError } from '../errors.ts';
import { completeManifest, defineExtension } from '../extension.ts';

interface Plan {
  labels: Record<string, string>;
}
const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;

function labeller(name: string, value: string) {
  return defineExtension<Plan>({
    name,
    revision: '1.0.0',
    description: '',
    activation: { mode: 'global' },
    hooks: {
      prepare_plan: {
        points: ['docker.labels'],
        run: (ctx) => {
          ctx.plan.labels.team = value;
        },
      },
    },
  });
}

async function remoteInShadow(script: Script, shadowSafe: boolean, phases: readonly Phase[] = ['prepare_plan', 'before_create']) {
  const transport = scriptedTransport({ remote: script });
  const bench = await openEngine({ transports: { http: transport } });
  await bench.engine.register(
    completeManifest({
      name: 'remote',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: phases.map((phase) => ({ phase, ...(phase === 'prepare_plan' ? { points: ['docker.labels'] } : {}) })),
      effects: phases.includes('before_create') ? ['slot'] : [],
      shadowSafe,
    }),
    EXTERNAL,
  );
  await bench.activate('remote', { mode: 'shadow' });
  return { bench, transport };
}

describe('shadow', () => {
  it('out of process, phases with effects are called only where the extension says that it is safe', async () => {
    const { bench, transport } = await remoteInShadow({}, false);
    const { run } = await bench.create();
    expect(run.status).toBe('succeeded');
    expect(transport.hooks.map((call) => [call.input.phase, call.input.shadow])).toEqual([['prepare_plan', true]]);
    expect((await bench.attempts(run.id)).find((attempt) => attempt.phase === 'before_create')).toMatchObject({
      outcome: 'skipped',
      reason: expect.stringContaining('not shadow-safe'),
    });
  });

  it('out of process and safe, would-be effects and patches are shown; no row stands for them and none is released', async () => {
    const { bench, transport } = await remoteInShadow(
      {
        hook: ({ input: { phase } }) =>
          phase === 'prepare_plan'
            ? { ...OK, edit: { kind: 'patches', patches: [{ op: 'add', path: '/labels/team', value: 'grey' }] } }
            : { ...OK, effects: [{ kind: 'slot', key: 's', handle: 1, scope: null }] },
      },
      true,
    );
    const { run, sandbox } = await bench.create();
    const attempts = (await bench.attempts(run.id)).filter((attempt) => attempt.extension === 'remote');
    expect(attempts).toMatchObject([
      { phase: 'prepare_plan', outcome: 'shadowed', changes: [{ path: '/labels/team', after: 'grey' }] },
      { phase: 'before_create', outcome: 'shadowed', wouldBeEffects: ['slot s'] },
    ]);
    expect((await bench.effects(sandbox.id)).filter((row) => row.extension !== null)).toEqual([]);
    expect((await bench.engine.plan(sandbox.id)).revisions).toHaveLength(1);
    expect(transport.releases).toEqual([]);
  });

  it('denies nothing, fails nothing, and never trips the breaker', async () => {
    const answers = [() => ({ ...OK, result: 'deny' as const, message: 'no' }), () => ({ ...OK, result: 'fail' as const, message: 'broken' })];
    let n = 0;
    const { bench } = await remoteInShadow(
      {
        hook: () => {
          const answer = answers[n++];
          if (answer !== undefined) return answer();
          throw new TenonError('extension_unavailable', 'refused');
        },
      },
      true,
      ['validate_request'],
    );
    const reasons: unknown[] = [];
    for (let i = 0; i < 8; i += 1) {
      const { run } = await bench.create();
      expect(run.status).toBe('succeeded');
      reasons.push(...(await bench.attempts(run.id)).filter((attempt) => attempt.kind === 'hook').map((attempt) => [attempt.outcome, attempt.error?.code]));
    }
    expect(reasons.slice(0, 3)).toEqual([
      ['shadowed', 'hook_denied'],
      ['shadowed', 'hook_failed'],
      ['shadowed', 'extension_unavailable'],
    ]);
    expect(bench.engine.breaker('remote')).toBe('closed');
  });

  it('one that never answers fails nothing either', async () => {
    const hung = defineExtension({
      name: 'hung',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: { validate_request: { deadlineMs: 10, run: () => new Promise<undefined>(() => undefined) } },
    });
    const bench = await openEngine({ extensions: [hung] });
    await bench.activate('hung', { mode: 'shadow' });
    const { run, sandbox } = await bench.create();
    expect(run.firstError).toBeNull();
    expect(sandbox.state).toBe('ready');
    expect((await bench.attempts(run.id)).filter((attempt) => attempt.extension === 'hung')).toMatchObject([
      { outcome: 'shadowed', error: { code: 'hook_timed_out' } },
    ]);
  });

  it('owns nothing: who comes after it meets no conflict, and a conflict of its own is recorded and applied nowhere', async () => {
    const bench = await openEngine({ extensions: [labeller('a-shadow', 'grey'), labeller('b-real', 'blue'), labeller('c-shadow', 'black')] });
    await bench.activate('a-shadow', { mode: 'shadow' });
    await bench.activate('b-real');
    await bench.activate('c-shadow', { mode: 'shadow' });
    const { run, sandbox } = await bench.create();
    expect(run.status).toBe('succeeded');
    expect((await bench.engine.plan(sandbox.id)).value).toMatchObject({ labels: { team: 'blue' } });
    const byName = new Map((await bench.attempts(run.id)).map((attempt) => [attempt.extension, attempt]));
    expect(byName.get('a-shadow')).toMatchObject({ outcome: 'shadowed', changes: [{ after: 'grey' }], error: null });
    expect(byName.get('b-real')).toMatchObject({ outcome: 'changed' });
    expect(byName.get('c-shadow')).toMatchObject({
      outcome: 'shadowed',
      reason: 'would have been refused',
      error: { code: 'field_conflict', message: expect.stringContaining('b-real') },
    });
  });

  it('works on a copy of the plan as its turn finds it', async () => {
    const seen: unknown[] = [];
    const watcher = defineExtension<Plan>({
      name: 'z-watcher',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        prepare_plan: {
          points: ['docker.labels'],
          run: (ctx) => {
            seen.push(ctx.plan.labels.team);
            delete ctx.plan.labels.team;
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [labeller('a-real', 'red'), watcher] });
    await bench.activate('a-real');
    await bench.activate('z-watcher', { mode: 'shadow' });
    const { sandbox } = await bench.create();
    expect(seen).toEqual(['red']);
    expect((await bench.engine.plan(sandbox.id)).value).toMatchObject({ labels: { team: 'red' } });
  });
});
