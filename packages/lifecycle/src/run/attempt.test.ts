import type { Phase } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { anIncomingRequest, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { OK, type Script, scriptedTransport } from '../../testing/scripted-transport.ts';
import { TenonError } from '../errors.ts';
import { completeManifest, defineExtension } from '../extension.ts';

const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;

function remote(
  name: string,
  hooks: { phase: Phase; deadlineMs?: number; onFailure?: 'fail' | 'warn'; required?: boolean; points?: string[] }[],
  effects: string[] = ['slot'],
) {
  return completeManifest({
    contract: 'tenon.dev/extension/v1',
    name,
    revision: '1.0.0',
    description: 'out of process',
    activation: { mode: 'global' },
    hooks,
    effects: hooks.some((hook) => hook.phase.startsWith('before_') || hook.phase.startsWith('after_')) ? effects : [],
  });
}

async function benchWith(script: Script, hooks: Parameters<typeof remote>[1], effects?: string[]) {
  const transport = scriptedTransport({ remote: script });
  const bench = await openEngine({ transports: { http: transport } });
  await bench.engine.register(remote('remote', hooks, effects), EXTERNAL);
  await bench.activate('remote');
  return { bench, transport };
}

const slot = { kind: 'slot', key: 's1', handle: { id: 7 }, scope: null } as const;

describe('attempts of one hook', () => {
  it('retries transport failures with the same key, three attempts, then extension_unavailable', async () => {
    const keys: string[] = [];
    const { bench, transport } = await benchWith(
      {
        hook: (call) => {
          keys.push(call.input.run.idempotencyKey);
          throw new TenonError('extension_unavailable', 'connection refused');
        },
      },
      [{ phase: 'before_create' }],
    );
    const { run, sandbox } = await bench.create();
    expect(run.firstError).toMatchObject({ code: 'extension_unavailable', extension: 'remote', phase: 'before_create' });
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(3);
    const hooks = (await bench.attempts(run.id)).filter((attempt) => attempt.kind === 'hook');
    expect(hooks.map((attempt) => attempt.number)).toEqual([1, 2, 3]);
    // Whatever an unanswered call made is meant by its key: released with no effect named, and once more later.
    expect(transport.releases.map((call) => [call.effects, call.reason])).toEqual([[[], 'rollback']]);
    expect(transport.releases[0]?.idempotencyKey).toBe(keys[0]);
    const [row] = await bench.effects(sandbox.id);
    expect(row).toMatchObject({ kind: '*', state: 'released', unanswered: true });
    expect(row?.nextRetryAt).not.toBeNull();
  });

  it('the fence calls release once more, and only its failure makes the row owed', async () => {
    let releases = 0;
    const { bench } = await benchWith(
      {
        hook: () => {
          throw new TenonError('extension_unavailable', 'cut');
        },
        release: () => {
          releases += 1;
          return { released: [], failed: releases === 2 ? [{ key: '*', message: 'still busy' }] : [] };
        },
      },
      [{ phase: 'before_create', deadlineMs: 20 }],
    );
    const { sandbox } = await bench.create();
    await expect
      .poll(async () => {
        await bench.engine.retryDebts();
        return (await bench.effects(sandbox.id))[0]?.state;
      })
      .toBe('owed');
    await expect
      .poll(
        async () => {
          await bench.engine.retryDebts();
          return (await bench.effects(sandbox.id))[0]?.state;
        },
        { timeout: 5_000 },
      )
      .toBe('released');
    expect(releases).toBeGreaterThanOrEqual(3);
  });

  it('a deny is final, never retried, and trips no breaker', async () => {
    let calls = 0;
    const { bench } = await benchWith(
      {
        hook: () => {
          calls += 1;
          return { ...OK, result: 'deny', code: 'quota_exceeded', message: 'too many sandboxes', resourceExhausted: true };
        },
      },
      [{ phase: 'validate_request' }],
    );
    for (let i = 0; i < 6; i++) {
      const { run } = await bench.create();
      expect(run.firstError).toMatchObject({ code: 'resource_exhausted', hookCode: 'quota_exceeded', message: 'too many sandboxes' });
    }
    expect(calls).toBe(6);
    expect(bench.engine.breaker('remote')).toBe('closed');
  });

  it('a fail that gives retryAfterMs is retried, one that does not is final', async () => {
    let calls = 0;
    const { bench } = await benchWith(
      {
        hook: () => {
          calls += 1;
          return calls === 1 ? { ...OK, result: 'fail', retryAfterMs: 5, message: 'wait' } : OK;
        },
      },
      [{ phase: 'prepare_plan' }],
    );
    expect((await bench.create()).run.status).toBe('succeeded');
    expect(calls).toBe(2);
  });

  it('a hook that never returns times out, and a later answer changes nothing', async () => {
    const { bench } = await benchWith({ hook: () => new Promise(() => undefined) }, [{ phase: 'prepare_plan', deadlineMs: 15 }]);
    const { run } = await bench.create();
    expect(run.firstError?.code).toBe('hook_timed_out');
    expect((await bench.attempts(run.id)).map((attempt) => attempt.outcome)).toEqual(['timed_out', 'timed_out', 'timed_out']);
  });

  it('keeps the lines of a hook in process that threw or hung', async () => {
    const talker = defineExtension({
      name: 'talker',
      revision: '1.0.0',
      description: 'writes, then fails',
      activation: { mode: 'global' },
      hooks: {
        before_create: {
          deadlineMs: 30,
          run: (ctx) => {
            ctx.log.warn(`attempt ${ctx.run.attempt}`);
            if (ctx.run.attempt === 1) return new Promise<undefined>(() => undefined);
            throw new Error('and then it broke');
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [talker] });
    await bench.activate('talker');
    const { run } = await bench.create();
    const hooks = (await bench.attempts(run.id)).filter((attempt) => attempt.kind === 'hook');
    expect(hooks.map(({ outcome, logs }) => [outcome, logs.map(({ level, message }) => `${level} ${message}`)])).toEqual([
      ['timed_out', ['warn attempt 1']],
      ['failed', ['warn attempt 2']],
    ]);
  });

  it('an answer outside the contract is never retried', async () => {
    let calls = 0;
    const { bench } = await benchWith(
      {
        hook: () => {
          calls += 1;
          throw new TenonError('hook_protocol_error', 'not JSON');
        },
      },
      [{ phase: 'after_create' }],
    );
    const { run } = await bench.create();
    expect(run.firstError?.code).toBe('hook_protocol_error');
    expect(calls).toBe(1);
  });

  it('opens the breaker after five failed attempts, refuses, then lets one probe through', async () => {
    let good = false;
    const transport = scriptedTransport({
      remote: {
        hook: () => {
          if (good) return OK;
          throw new TenonError('extension_unavailable', 'down');
        },
      },
    });
    const bench = await openEngine({ transports: { http: transport }, limits: { breakerOpenMs: 60 } });
    await bench.engine.register(remote('remote', [{ phase: 'prepare_plan' }]), EXTERNAL);
    await bench.activate('remote');
    await bench.create();
    await bench.create();
    expect(bench.engine.breaker('remote')).toBe('open');
    // Three attempts of the first create and two of the second: the breaker refuses the sixth.
    expect(transport.hooks).toHaveLength(5);
    await expect(bench.create()).rejects.toMatchObject({ code: 'breaker_open' });
    good = true;
    await expect.poll(() => bench.engine.breaker('remote')).toBe('half_open');
    expect((await bench.create()).run.status).toBe('succeeded');
    expect(bench.engine.breaker('remote')).toBe('closed');
  });

  it('effects of an answer take the place of the row that stood for them, and go back with their handle', async () => {
    const { bench, transport } = await benchWith({ hook: (call) => (call.input.phase === 'before_create' ? { ...OK, effects: [slot] } : OK) }, [
      { phase: 'before_create' },
    ]);
    const { sandbox, run } = await bench.create();
    expect(run.status).toBe('succeeded');
    expect((await bench.effects(sandbox.id)).filter((row) => row.extension === 'remote').map((row) => [row.kind, row.key, row.state])).toEqual([
      ['slot', 's1', 'applied'],
    ]);
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(transport.releases.map((call) => [call.effects, call.reason])).toEqual([[[{ kind: 'slot', key: 's1', input: null, handle: { id: 7 } }], 'delete']]);
  });

  it('an answered failure of a release is debt at once; an effect named in neither list too', async () => {
    let answer = { released: [] as string[], failed: [{ key: 's1', message: 'busy' }] };
    const { bench } = await benchWith({ hook: () => ({ ...OK, effects: [slot] }), release: () => answer }, [{ phase: 'before_create' }]);
    const { sandbox } = await bench.create();
    const deleted = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(deleted.sandbox.state).toBe('deleted');
    const owed = (await bench.effects(sandbox.id)).find((row) => row.kind === 'slot');
    expect(owed).toMatchObject({ state: 'owed', lastError: { message: 'busy' } });
    answer = { released: [], failed: [] };
    expect((await bench.engine.retryEffect(owed?.id ?? '', OPERATOR)).lastError?.code).toBe('hook_protocol_error');
    answer = { released: ['s1'], failed: [] };
    expect((await bench.engine.retryEffect(owed?.id ?? '', OPERATOR)).state).toBe('released');
    await expect(bench.engine.retryEffect(owed?.id ?? '', OPERATOR)).rejects.toMatchObject({ code: 'effect_not_owed' });
  });

  it('a warned hook: its changes are dropped and its effects released at once, the run goes on', async () => {
    const { bench, transport } = await benchWith({ hook: () => ({ ...OK, result: 'fail', message: 'meh' }) }, [{ phase: 'after_ready' }]);
    const { run, sandbox } = await bench.create();
    expect(run.status).toBe('succeeded');
    expect(sandbox.state).toBe('ready');
    expect(transport.releases).toHaveLength(1);
  });

  it('after_ready set to fail stops and deletes the sandbox', async () => {
    const transport = scriptedTransport({ remote: { hook: () => ({ ...OK, result: 'fail', message: 'not serving' }) } });
    const bench = await openEngine({ transports: { http: transport } });
    await bench.engine.register(remote('remote', [{ phase: 'after_ready' }]), EXTERNAL);
    await bench.activate('remote', { failurePolicy: { after_ready: 'fail' } });
    const { run } = await bench.create();
    expect(run.firstError).toMatchObject({ code: 'hook_failed', phase: 'after_ready' });
    expect(bench.driver.changes()).toEqual(['create', 'start', 'stop', 'delete']);
  });

  it('effects answered where the phase allows none are a protocol error', async () => {
    const { bench } = await benchWith({ hook: (call) => (call.input.phase === 'prepare_plan' ? { ...OK, effects: [slot] } : OK) }, [
      { phase: 'prepare_plan' },
      { phase: 'before_create' },
    ]);
    const { run } = await bench.create();
    expect(run.firstError?.code).toBe('hook_protocol_error');
  });

  it('keeps state for the sandbox, replaced whole on ok only, at most 64 KiB', async () => {
    const seen: unknown[] = [];
    const { bench } = await benchWith(
      {
        hook: (call) => {
          seen.push(call.input.state);
          if (call.input.phase === 'prepare_plan') return { ...OK, state: { n: 1 } };
          if (call.input.phase === 'after_create') return { ...OK, result: 'ok', state: { big: 'x'.repeat(70_000) } };
          return OK;
        },
      },
      [{ phase: 'prepare_plan' }, { phase: 'after_create', required: false, onFailure: 'warn' }, { phase: 'before_stop' }],
    );
    const { sandbox, run } = await bench.create();
    expect(run.status).toBe('succeeded');
    await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    expect(seen).toEqual([null, { n: 1 }, { n: 1 }]);
  });

  it('a late ensure after the attempt timed out throws, and an apply still running is released again when it settles', async () => {
    let settle: () => void = () => undefined;
    const releases: string[] = [];
    const late: string[] = [];
    const slow = defineExtension({
      name: 'slow',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      effects: {
        thing: {
          apply: () =>
            new Promise((resolve) => {
              settle = () => resolve({ made: true });
            }),
          release: async ({ key }) => {
            releases.push(key);
          },
        },
      },
      hooks: {
        before_create: {
          deadlineMs: 20,
          run: async (ctx) => {
            try {
              await ctx.effects.ensure('thing', 'k', {});
            } catch (error) {
              late.push(String(error));
            }
            try {
              await ctx.effects.ensure('thing', 'k2', {});
            } catch (error) {
              late.push(String(error));
            }
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [slow], limits: { attempts: 1 } });
    await bench.activate('slow');
    const { run, sandbox } = await bench.create();
    expect(run.firstError?.code).toBe('hook_timed_out');
    expect(releases).toEqual(['k']);
    settle();
    await expect.poll(() => releases).toEqual(['k', 'k']);
    await expect.poll(() => late.length).toBe(2);
    expect(late[1]).toContain('after the attempt had ended');
    expect((await bench.effects(sandbox.id)).map((row) => row.state)).toEqual(['released']);
  });

  it('tells in which extension and phase a sandbox is blocked, while it is', async () => {
    let go: () => void = () => undefined;
    const { bench } = await benchWith(
      {
        hook: () =>
          new Promise((resolve) => {
            go = () => resolve(OK);
          }),
      },
      [{ phase: 'prepare_plan', deadlineMs: 20_000 }],
    );

    const { sandbox, run } = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect
      .poll(async () => (await bench.store.getSandbox(sandbox.id))?.blockedBy, { timeout: 4_000 })
      .toMatchObject({ extension: 'remote', phase: 'prepare_plan' });
    go();
    const ended = await bench.end({ sandbox, run });
    expect(ended.sandbox.blockedBy).toBeNull();
  });
});
