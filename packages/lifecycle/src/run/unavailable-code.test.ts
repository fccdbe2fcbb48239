import type { Phase } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { anIncomingRequest, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { OK, scriptedTransport } from '../../testing/scripted-transport.ts';
import { completeManifest, defineExtension } from '../extension.ts';

/** What becomes of sandboxes whose extension cannot be called: its code is gone, or its kill switch is on. */
const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;
const PLAIN = { force: false, reason: null } as const;
const WHOLE_LIFE: readonly Phase[] = ['before_create', 'before_start', 'before_stop', 'before_delete', 'after_delete'];

const manifest = (revision: string, more: { cleansUp?: string; phases?: readonly Phase[]; required?: boolean } = {}) =>
  completeManifest({
    name: 'remote',
    revision,
    activation: { mode: 'global' },
    hooks: (more.phases ?? WHOLE_LIFE).map((phase) => ({ phase, required: more.required ?? true })),
    effects: (more.phases ?? WHOLE_LIFE).some((phase) => phase === 'before_create') ? ['slot'] : [],
    ...(more.cleansUp === undefined ? {} : { cleansUp: more.cleansUp }),
  });

async function withSandbox(more: Parameters<typeof manifest>[1] = {}) {
  const transport = scriptedTransport({
    remote: {
      hook: ({ input: { phase } }) => (phase === 'before_create' ? { ...OK, effects: [{ kind: 'slot', key: 's', handle: 1, scope: null }] } : OK),
    },
  });
  const bench = await openEngine({ transports: { http: transport } });
  await bench.engine.register(manifest('1.0.0', more), EXTERNAL);
  await bench.activate('remote');
  const { sandbox } = await bench.create();
  const stop = async () => bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
  const start = async () => bench.end(await bench.engine.startSandbox(sandbox.id, OPERATOR));
  const remove = async () => bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, PLAIN));
  const slot = async () => (await bench.effects(sandbox.id)).find((row) => row.kind === 'slot');
  transport.hooks.length = 0;
  return { bench, transport, sandbox, stop, start, remove, slot };
}

describe('an extension that was unregistered by force', () => {
  it('takes its activations along; its hooks are skipped, a start that requires it fails, stop and delete go on', async () => {
    const { bench, transport, stop, start, remove, slot } = await withSandbox();
    await expect(bench.engine.unregister('remote', { force: true, reason: ' ' })).rejects.toMatchObject({ code: 'validation_failed' });
    await bench.engine.unregister('remote', { force: true, reason: 'the vendor left' });
    expect(await bench.store.listActivations()).toEqual([]);
    expect((await bench.create()).sandbox.record.extensions).toEqual([]);

    const stopped = await stop();
    expect(stopped.sandbox.state).toBe('stopped');
    expect((await bench.attempts(stopped.run.id)).find((attempt) => attempt.phase === 'before_stop')).toMatchObject({
      outcome: 'skipped',
      reason: expect.stringContaining('revision unavailable'),
    });
    const started = await start();
    expect(started.run.firstError).toMatchObject({ code: 'revision_unavailable', extension: 'remote' });
    expect(started.sandbox.state).toBe('stopped');
    // Nothing is owed before it is due, and nothing is waived.
    expect(await slot()).toMatchObject({ state: 'applied' });
    expect((await remove()).sandbox.state).toBe('deleted');
    expect(await slot()).toMatchObject({ state: 'owed', lastError: { code: 'revision_unavailable' } });
    expect(transport.hooks).toEqual([]);

    // The same revision, registered again, pays.
    await bench.engine.register(manifest('1.0.0'), EXTERNAL);
    await bench.engine.retryDebts();
    expect(await slot()).toMatchObject({ state: 'released' });
    expect(transport.releases.at(-1)).toMatchObject({ revision: '1.0.0', reason: 'debt' });
  });

  it('is stood in for by the newest revision that cleans up after it, traced as such, in every later phase and release', async () => {
    const { bench, transport, stop, start, remove, slot } = await withSandbox();
    await bench.engine.unregister('remote', { force: true, reason: 'moving house' });
    await bench.engine.register(manifest('2.0.0', { cleansUp: '^1' }), EXTERNAL);
    await bench.engine.addRevision('remote', manifest('2.1.0', { cleansUp: '>=1 <2' }), EXTERNAL);
    await bench.engine.addRevision('remote', manifest('3.0.0'), EXTERNAL);
    await stop();
    const started = await start();
    expect(started.run.status).toBe('succeeded');
    expect((await bench.attempts(started.run.id)).find((attempt) => attempt.phase === 'before_start')).toMatchObject({ outcome: 'ok', revision: '2.1.0' });
    await remove();
    expect(new Set(transport.hooks.map((call) => call.input.revision))).toEqual(new Set(['2.1.0']));
    expect(transport.releases.at(-1)).toMatchObject({ revision: '2.1.0' });
    expect(await slot()).toMatchObject({ state: 'released' });
  });

  it('keeps nobody from starting where nothing of it was required', async () => {
    const { bench, stop, start } = await withSandbox({ required: false });
    await bench.engine.unregister('remote', { force: true, reason: 'gone' });
    await stop();
    expect((await start()).sandbox.state).toBe('ready');
  });
});

describe('an extension whose kill switch is on', () => {
  it('fails starts that require it, whichever of its hooks they would reach, and skips it elsewhere', async () => {
    for (const phases of [WHOLE_LIFE, ['before_create', 'after_ready'], ['prepare_plan']] as const) {
      const { bench, transport, stop, start, remove } = await withSandbox({ phases });
      await stop();
      transport.hooks.length = 0;
      await bench.engine.setKillSwitch('remote', true, 'it misbehaves', OPERATOR);
      await expect(bench.create()).rejects.toMatchObject({ code: 'killed' });
      const started = await start();
      expect(started.run.firstError).toMatchObject({ code: 'killed', extension: 'remote' });
      expect(started.sandbox.state).toBe('stopped');
      await bench.engine.setKillSwitch('remote', false, 'mended', OPERATOR);
      expect((await start()).sandbox.state).toBe('ready');
      await bench.engine.setKillSwitch('remote', true, 'again', OPERATOR);
      transport.hooks.length = 0;
      expect((await stop()).sandbox.state).toBe('stopped');
      expect((await remove()).sandbox.state).toBe('deleted');
      expect(transport.hooks).toEqual([]);
      expect(transport.releases).toEqual([]);
    }
  });

  it('is passed over visibly by creates and starts that do not require it', async () => {
    const { bench, stop, start } = await withSandbox({ required: false });
    await stop();
    await bench.engine.setKillSwitch('remote', true, 'it misbehaves', OPERATOR);
    const other = await bench.create();
    expect(other.sandbox.record.passedOver).toEqual([{ name: 'remote', reason: 'kill switch on: it misbehaves' }]);
    const started = await start();
    expect(started.sandbox.state).toBe('ready');
    expect((await bench.attempts(started.run.id)).find((attempt) => attempt.phase === 'before_start')).toMatchObject({
      outcome: 'skipped',
      reason: 'kill switch on: it misbehaves',
    });
  });

  it('is not called in the unwinding either: what it made stays, owed as killed, and is given back when the switch is off', async () => {
    const log: string[] = [];
    const holder = defineExtension({
      name: 'holder',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: async () => ({}),
          release: async ({ key }) => {
            log.push(`release ${key}`);
          },
        },
      },
      hooks: {
        before_create: {
          run: async (ctx) => {
            await ctx.effects.ensure('thing', 'k', {});
          },
        },
        on_create_failed: {
          run: () => {
            log.push('told');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [holder] });
    await bench.activate('holder');
    bench.driver.next('create', { kind: 'delay', ms: 60, next: { kind: 'fail' } });
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => bench.driver.calls.some((call) => call.call === 'create')).toBe(true);
    await bench.engine.setKillSwitch('holder', true, 'stop it', OPERATOR);
    const ended = await bench.end(created);
    expect(ended.run).toMatchObject({ status: 'failed_with_debt', firstError: { code: 'driver_failed' } });
    expect(log).toEqual([]);
    expect((await bench.effects(created.sandbox.id)).find((row) => row.kind === 'thing')).toMatchObject({ state: 'owed', lastError: { code: 'killed' } });
    await bench.engine.setKillSwitch('holder', false, 'mended', OPERATOR);
    await bench.engine.retryDebts();
    expect(log).toEqual(['release k']);
  });

  it('needs a reason', async () => {
    const { bench } = await withSandbox();
    await expect(bench.engine.setKillSwitch('remote', true, ' ', OPERATOR)).rejects.toMatchObject({ code: 'validation_failed' });
  });
});
