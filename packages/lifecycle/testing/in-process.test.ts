import { describe, expect, it } from 'vitest';
import { TenonError } from '../src/errors.ts';
import type { EffectDefinition, Extension, HookFunction } from '../src/extension.ts';
import { inProcessTransport } from '../src/in-process.ts';
import { isObject, type Json } from '../src/json.ts';
import { testHookCall, testManifest, testReleaseCall, testRevision } from './transport-builders.ts';
import { type ExtensionScript, failure, transportConformance } from './transport-conformance.ts';

function scripted(script: ExtensionScript): Extension {
  const run: HookFunction = async (ctx) => {
    const { phase, extension, revision, run, sandbox, driver, actor, requestId, template, resources, gpu, command } = ctx;
    const { claims, config, requestConfig, state, shadow, dryRun, failure: reported } = ctx;
    const input = { phase, extension, revision, run, sandbox, driver, actor, requestId, template, resources, gpu, command };
    const rest = { claims, config, requestConfig, state, shadow, dryRun, failure: reported };
    const answer = (await script.hook?.({ input: { ...input, ...rest }, plan: JSON.parse(JSON.stringify(ctx.plan)) })) ?? {};
    for (const [pointer, value] of Object.entries(answer.set ?? {})) {
      const keys = pointer.split('/').slice(1);
      let place: Json | undefined = ctx.plan;
      for (const key of keys.slice(0, -1)) place = isObject(place) ? (place as { [key: string]: Json })[key] : undefined;
      (place as { [key: string]: Json })[keys.at(-1) ?? ''] = value;
    }
    for (const { level, message } of answer.logs ?? []) ctx.log[level](message);
    return answer.reply as undefined;
  };
  const effect = (kind: string): EffectDefinition => ({
    apply: async () => null,
    release: async ({ key, handle, idempotencyKey }) => script.release?.({ kind, key, handle, idempotencyKey }),
    ...(script.list ? { list: async () => (script.list?.() ?? []).filter((item) => item.kind === kind) } : {}),
  });
  return {
    manifest: script.manifest,
    hooks: { prepare_plan: run, before_create: run },
    effects: Object.fromEntries(script.manifest.effects.map((kind) => [kind, effect(kind)])),
    shared: {},
  };
}

function clientOf(extension: Extension) {
  const client = inProcessTransport([extension]).open(testRevision(extension.manifest, { kind: 'in_process' }), null);
  if (!client) throw new Error('the revision that is here was not opened');
  return client;
}

function hooked(run: HookFunction) {
  return clientOf({ manifest: testManifest(), hooks: { prepare_plan: run }, effects: {}, shared: {} });
}

transportConformance('in process', async (script) => ({ client: clientOf(scripted(script)), close: async () => {} }));

describe('the transport in process', () => {
  it('opens only the very revision that is here, and follows a live map', () => {
    const extension = scripted({ manifest: testManifest() });
    const live = new Map<string, Extension>();
    const transport = inProcessTransport(live);
    const here = testRevision(testManifest(), { kind: 'in_process' });
    expect(transport.open(here, null)).toBeNull();
    live.set('under-test', extension);
    expect(transport.open(here, null)).not.toBeNull();
    expect(transport.open({ ...here, revision: '1.0.1' }, null)).toBeNull();
    expect(transport.open(testRevision(testManifest(), { kind: 'http', url: 'http://127.0.0.1:1' }), null)).toBeNull();
    live.set('under-test', scripted({ manifest: testManifest({ revision: '2.0.0' }) }));
    expect(transport.open(here, null)).toBeNull();
  });

  it('turns whatever a hook throws into hook_failed with one storable line', async () => {
    for (const [thrown, says] of [
      [new Error('boom'), 'boom'],
      ['just text', 'just text'],
      [undefined, 'a undefined was thrown'],
      [{ code: 5 }, '{"code":5}'],
      [new Error('a\0b'), 'a\\u0000b'],
    ] as const) {
      const error = await failure(
        hooked(() => {
          throw thrown;
        }).hook(testHookCall()),
      );
      expect(error).toMatchObject({ code: 'hook_failed', context: { extension: 'under-test', phase: 'prepare_plan' } });
      expect(error.message).toContain(says);
    }
  });

  it('keeps the code of a failure that comes from our own doors', async () => {
    const none = async (): Promise<never> => {
      throw new TenonError('resource_exhausted', 'no address is free');
    };
    const call = testHookCall({ doors: { ...testHookCall().doors, leases: { acquire: none } } });
    const error = await failure(hooked(async (ctx) => void (await ctx.leases.acquire('pool', 'key', ['a']))).hook(call));
    expect(error).toMatchObject({ code: 'resource_exhausted', context: { extension: 'under-test' } });
  });

  it("hands back what a door threw for the engine's own use as it is", async () => {
    const stop = new (class LeaseLost extends Error {})('the lease is gone');
    const lost = async (): Promise<never> => {
      throw stop;
    };
    const call = testHookCall({ doors: { ...testHookCall().doors, effects: { ensure: lost } } });
    await expect(hooked(async (ctx) => void (await ctx.effects.ensure('slot', 'a', null))).hook(call)).rejects.toBe(stop);
  });

  it('refuses what JSON cannot hold in a state', async () => {
    for (const value of [Number.NaN, new Date(0), new Map(), () => 1, undefined, 10n]) {
      expect(await failure(hooked(() => ({ state: { value } as never })).hook(testHookCall()))).toMatchObject({ code: 'hook_protocol_error' });
    }
  });

  it('keeps no reference to a state that the hook goes on changing', async () => {
    const kept: { [key: string]: Json } = { count: 1 };
    const answer = await hooked(() => ({ state: kept })).hook(testHookCall());
    kept.count = 2;
    expect(answer.state).toEqual({ count: 1 });
  });

  it('refuses to write to a plan where nothing is open, and to any record of the engine', async () => {
    const write: HookFunction = (ctx) => {
      (ctx.plan as { [key: string]: Json }).name = 'other';
    };
    expect(await failure(hooked(write).hook(testHookCall({ plan: { open: [] } })))).toMatchObject({ code: 'point_closed' });
    const call = testHookCall();
    const spoil: HookFunction = (ctx) => {
      (ctx.config as { [key: string]: Json }).limit = 99;
    };
    expect(await failure(hooked(spoil).hook(call))).toMatchObject({ code: 'hook_failed' });
    expect(call.input.config).toEqual({ limit: 2, nested: { list: [1, 2] } });
  });

  it('closes the plan once the hook has settled', async () => {
    let late: (() => void) | null = null;
    const answer = await hooked((ctx) => {
      const plan = ctx.plan as { labels: { [key: string]: Json } };
      late = () => {
        plan.labels.late = 'yes';
      };
    }).hook(testHookCall());
    expect(answer.edit).toBeNull();
    expect(late).toThrow(/settled/);
  });

  it('makes neither signal nor draft for a hook that reads neither', async () => {
    let signals = 0;
    const call = testHookCall({
      signal: () => {
        signals += 1;
        return new AbortController().signal;
      },
    });
    await hooked((ctx) => ({ message: ctx.run.id })).hook(call);
    expect(signals).toBe(0);
    await hooked((ctx) => ({ message: String(ctx.signal.aborted) })).hook(call);
    expect(signals).toBe(1);
  });

  it('hands over lines as they are written, so that a hook that throws leaves them', async () => {
    const lines: string[] = [];
    const call = testHookCall({ onLog: ({ message }) => lines.push(message) });
    await failure(
      hooked((ctx) => {
        ctx.log.info('before');
        throw new Error('after');
      }).hook(call),
    );
    expect(lines).toEqual(['before']);
  });

  it('says which kind a release would need', async () => {
    const answer = await hooked(() => undefined).release(testReleaseCall([{ kind: 'gone', key: 'a', input: null, handle: null }]));
    expect(answer.failed[0]?.message).toContain('declares no effect kind gone');
  });

  it('checks the handle that an effect answers', async () => {
    const client = clientOf({
      manifest: testManifest(),
      hooks: {},
      effects: { slot: { apply: async () => new Date(0) as never, release: async () => {} } },
      shared: {},
    });
    const applied = client.effects?.apply('slot', { key: 'a', input: null, idempotencyKey: 'k', signal: new AbortController().signal }, {});
    expect(await failure(applied ?? Promise.resolve())).toMatchObject({ code: 'hook_protocol_error' });
    expect(client.shared).toBeNull();
    expect(client.effects?.has('toString')).toBe(false);
  });
});
