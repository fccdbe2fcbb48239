import { PHASE_NAMES, type Phase, phaseRow } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { OK, type Script, scriptedTransport } from '../../testing/scripted-transport.ts';
import { TenonError } from '../errors.ts';
import { completeManifest } from '../extension.ts';

const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;
const LIFE: readonly Phase[] = [
  'prepare_plan',
  'before_create',
  'before_start',
  'after_ready',
  'before_stop',
  'after_stop',
  'before_delete',
  'after_delete',
  'on_create_failed',
];

async function benchWith(script: Script, phases: readonly Phase[] = LIFE, required = true) {
  const transport = scriptedTransport({ remote: script });
  const bench = await openEngine({ transports: { http: transport }, limits: { attempts: 1, breakerOpenMs: 60_000 } });
  await bench.engine.register(
    completeManifest({
      name: 'remote',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: phases.map((phase) => ({ phase, required, dryRunSafe: true })),
      effects: phases.includes('before_create') ? ['slot'] : [],
      dryRunSafe: true,
    }),
    EXTERNAL,
  );
  await bench.activate('remote');
  return { bench, transport };
}

const down = (): never => {
  throw new TenonError('extension_unavailable', 'refused');
};

describe('the breaker', () => {
  it('refuses hooks of setup phases only: told hooks and releases are always tried', async () => {
    let sick = false;
    const { bench, transport } = await benchWith({
      hook: ({ input: { phase } }) => {
        if (sick) return down();
        return phase === 'before_create' ? { ...OK, effects: [{ kind: 'slot', key: 's', handle: 1, scope: null }] } : OK;
      },
    });
    const one = await bench.create();
    const two = await bench.create();
    sick = true;
    for (let i = 0; i < 5; i += 1) await bench.create();
    expect(bench.engine.breaker('remote')).toBe('open');
    await expect(bench.create()).rejects.toMatchObject({ code: 'breaker_open' });

    const before = transport.hooks.length;
    await bench.end(await bench.engine.stopSandbox(one.sandbox.id, OPERATOR));
    await bench.end(await bench.engine.deleteSandbox(one.sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(transport.hooks.slice(before).map((call) => call.input.phase)).toEqual(['before_stop', 'after_stop', 'before_delete', 'after_delete']);
    expect(transport.releases.at(-1)?.effects).toMatchObject([{ kind: 'slot', key: 's' }]);
    expect((await bench.effects(one.sandbox.id)).every((row) => row.state === 'released')).toBe(true);

    // A start needs its setup hooks, so the open breaker refuses it, by name.
    await bench.end(await bench.engine.stopSandbox(two.sandbox.id, OPERATOR));
    const started = await bench.end(await bench.engine.startSandbox(two.sandbox.id, OPERATOR));
    expect(started.run.firstError).toMatchObject({ code: 'breaker_open', extension: 'remote', phase: 'before_start' });
    expect(started.sandbox.state).toBe('stopped');
  });

  it('one refused call ejects nobody: five in a row open it, and a good answer in between begins the count anew', async () => {
    let n = 0;
    const { bench } = await benchWith({ hook: () => (++n % 5 === 0 ? OK : down()) }, ['validate_request']);
    for (let i = 0; i < 12; i += 1) await bench.create();
    expect(bench.engine.breaker('remote')).toBe('closed');
  });

  it('skips an optional extension visibly while it is open', async () => {
    const { bench } = await benchWith({ hook: down }, ['prepare_plan'], false);
    for (let i = 0; i < 5; i += 1) await bench.create();
    expect(bench.engine.breaker('remote')).toBe('open');
    const { run } = await bench.create();
    expect(run.status).toBe('succeeded');
    expect((await bench.attempts(run.id)).find((attempt) => attempt.extension === 'remote')).toMatchObject({
      outcome: 'skipped',
      reason: 'breaker open',
      error: { code: 'breaker_open' },
    });
  });

  it('does not count previews of a change', async () => {
    let sick = false;
    const { bench, transport } = await benchWith({ hook: () => (sick ? down() : OK) }, ['prepare_plan']);
    for (let i = 0; i < 6; i += 1) await bench.create();
    sick = true;
    const asked = transport.hooks.length;
    const [activation] = await bench.store.listActivations();
    await bench.engine.previewActivation({ kind: 'change', id: activation?.id ?? '', change: { order: 5, reason: 'try' } }, OPERATOR);
    expect(transport.hooks.length - asked).toBeGreaterThan(5);
    expect(bench.engine.breaker('remote')).toBe('closed');
  });

  it('knows setup phases from the catalogue', () => {
    expect(PHASE_NAMES.filter((phase) => phaseRow(phase).order === 'setup')).toEqual([
      'validate_request',
      'prepare_plan',
      'before_create',
      'after_create',
      'before_start',
      'after_ready',
      'before_restore',
      'after_restore',
      'reconcile',
    ]);
  });
});
