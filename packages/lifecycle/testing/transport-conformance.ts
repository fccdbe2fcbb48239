import jsonPatch, { type Operation } from 'fast-json-patch';
import { afterEach, describe, expect, it } from 'vitest';
import type { HookInput } from '../src/context.ts';
import { TenonError } from '../src/errors.ts';
import type { Manifest } from '../src/extension.ts';
import type { Json } from '../src/json.ts';
import type { ExtensionClient, HookAnswer, HookCall } from '../src/ports/transport.ts';
import { testHookCall, testHookInput, testManifest, testReleaseCall } from './transport-builders.ts';

/** What an extension under test does, in words that every transport can carry. */
export interface ExtensionScript {
  readonly manifest: Manifest;
  hook?(call: { readonly input: HookInput; readonly plan: Json }): ScriptedAnswer | Promise<ScriptedAnswer>;
  /** Throws: that effect's release failed, with this message. */
  release?(effect: { readonly kind: string; readonly key: string; readonly handle: Json | null; readonly idempotencyKey: string }): void | Promise<void>;
  /** Absent: the extension does not offer `list`. */
  list?(): readonly { readonly kind: string; readonly key: string; readonly sandboxId: string | null }[];
}

export interface ScriptedAnswer {
  /** What the hook answers, as it is: the suite also sends what no contract allows. Absent: nothing but ok. */
  readonly reply?: unknown;
  /** Values to set in the plan, by pointer; every parent is there. */
  readonly set?: Readonly<Record<string, Json>>;
  readonly logs?: readonly { readonly level: 'info' | 'warn' | 'error'; readonly message: string }[];
}

/** Opens a scripted extension behind the transport under test. */
export type OpenScripted = (script: ExtensionScript) => Promise<{ readonly client: ExtensionClient; close(): Promise<void> }>;

/** What every transport must share, as one suite: run it against each implementation. */
export function transportConformance(name: string, open: OpenScripted): void {
  describe(`transport conformance: ${name}`, () => {
    const opened: (() => Promise<void>)[] = [];
    const start = async (script: Partial<ExtensionScript>): Promise<ExtensionClient> => {
      const { client, close } = await open({ manifest: testManifest(), ...script });
      opened.push(close);
      return client;
    };
    const answered = async (answer: ScriptedAnswer, call: HookCall = testHookCall()): Promise<HookAnswer> => (await start({ hook: () => answer })).hook(call);
    afterEach(async () => {
      for (const close of opened.splice(0)) await close();
    });

    it('describes the manifest in full', async () => {
      const manifest = testManifest({ configSchema: { type: 'object' }, cleansUp: '^1', drivers: ['process'] });
      expect(await (await start({ manifest })).describe(new AbortController().signal)).toEqual(manifest);
    });

    it('hands the hook all that it may know, and absent claims as absent', async () => {
      const seen: { input: HookInput; plan: Json }[] = [];
      const client = await start({
        hook: (call) => {
          seen.push(call);
          return {};
        },
      });
      const call = testHookCall({ input: { claims: { user: 'ada' }, state: { count: 1 }, failure: { code: 'driver_failed', message: 'no' } } });
      await client.hook(call);
      expect(seen[0]?.input).toEqual(call.input);
      expect(Object.keys(seen[0]?.input.claims ?? {})).toEqual(['user']);
      expect(seen[0]?.plan).toEqual(call.plan.value);
    });

    it('takes ok without more as no change', async () => {
      expect(await answered({})).toEqual({
        result: 'ok',
        code: null,
        message: null,
        resourceExhausted: false,
        retryAfterMs: null,
        edit: null,
        effects: [],
        state: null,
        warnings: [],
        logs: [],
      });
    });

    it('carries a change of the plan and leaves the plan it was given as it was', async () => {
      const call = testHookCall();
      const before = structuredClone(call.plan.value);
      const answer = await answered({ set: { '/labels/team': 'red' }, reply: { message: 'team of the tenant' } }, call);
      expect(edited(call, answer)).toEqual({ name: 'demo', command: ['sleep', '3600'], env: {}, labels: { app: 'demo', team: 'red' } });
      expect(answer.message).toBe('team of the tenant');
      expect(call.plan.value).toEqual(before);
    });

    it('carries a denial with its code, and drops what the denying hook changed', async () => {
      const answer = await answered({
        set: { '/labels/team': 'red' },
        reply: { result: 'deny', code: 'quota_exceeded', message: 'no slot left', resourceExhausted: true },
      });
      expect(answer).toMatchObject({ result: 'deny', code: 'quota_exceeded', message: 'no slot left', resourceExhausted: true, edit: null });
    });

    it('carries a failure that asks for another try', async () => {
      expect(await answered({ reply: { result: 'fail', message: 'warming up', retryAfterMs: 250 } })).toMatchObject({ result: 'fail', retryAfterMs: 250 });
    });

    it('carries state, warnings and log lines in their order', async () => {
      const answer = await answered({
        reply: { state: { slot: 7, list: [{ a: null }] }, warnings: ['one', 'two'] },
        logs: [
          { level: 'info', message: 'first' },
          { level: 'error', message: 'second' },
        ],
      });
      expect(answer.state).toEqual({ slot: 7, list: [{ a: null }] });
      expect(answer.warnings).toEqual(['one', 'two']);
      expect(answer.logs.map(({ level, message }) => [level, message])).toEqual([
        ['info', 'first'],
        ['error', 'second'],
      ]);
    });

    it('keeps 64 KiB of log lines and says that the rest is left out', async () => {
      const { logs } = await answered({ logs: Array.from({ length: 40 }, (_, line) => ({ level: 'info', message: `${line} ${'x'.repeat(3000)}` })) });
      expect(logs.length).toBeLessThan(30);
      expect(logs.at(-1)?.message).toContain('left out');
    });

    const outside: Readonly<Record<string, { reply: unknown; says: RegExp }>> = {
      'an unknown field': { reply: { result: 'ok', patch: [] }, says: /unknown field "patch"/ },
      'an unknown result': { reply: { result: 'maybe' }, says: /result/ },
      'a message that is no text': { reply: { message: 5 }, says: /message/ },
      'warnings that are no list': { reply: { warnings: 'x' }, says: /warnings/ },
      'a warning that is no text': { reply: { warnings: [1] }, says: /warnings\[0\]/ },
      'a negative retryAfterMs': { reply: { result: 'fail', retryAfterMs: -1 }, says: /retryAfterMs/ },
      'resourceExhausted that is no boolean': { reply: { result: 'deny', resourceExhausted: 'yes' }, says: /resourceExhausted/ },
      'a state that is no object': { reply: { state: [1] }, says: /state/ },
      'a state beyond 64 KiB': { reply: { state: { blob: 'x'.repeat(70_000) } }, says: /state.*65536/s },
      'a state nested too deep': { reply: { state: nested(200) }, says: /deeper/ },
      'a state with __proto__': { reply: { state: JSON.parse('{"__proto__": {"admin": true}}') }, says: /__proto__/ },
      'a state with NUL': { reply: { state: { text: 'a\0b' } }, says: /NUL/ },
      'a state with a lone surrogate': { reply: { state: { text: 'a\ud800b' } }, says: /surrogate/ },
      'a message with NUL': { reply: { message: 'a\0b' }, says: /NUL/ },
      'a list for an answer': { reply: [1], says: /list|array/i },
      'a text for an answer': { reply: 'ok', says: /string|text|object/i },
      'null for an answer': { reply: null, says: /null|object/i },
    };
    for (const [what, { reply, says }] of Object.entries(outside)) {
      it(`refuses ${what}, naming it`, async () => {
        const error = await failure(answered({ reply }));
        expect(error).toMatchObject({ code: 'hook_protocol_error', context: { extension: 'under-test' } });
        expect(error.message).toMatch(says);
      });
    }

    it('gives every one of many calls its own answer', async () => {
      const client = await start({
        hook: async ({ input }) => {
          await new Promise((resolve) => setTimeout(resolve, 20 - input.run.attempt));
          return { reply: { message: `for ${input.run.attempt}` } };
        },
      });
      const attempts = Array.from({ length: 20 }, (_, index) => index + 1);
      const answers = await Promise.all(attempts.map((attempt) => client.hook(testHookCall({ input: { run: { ...testHookInput().run, attempt } } }))));
      expect(answers.map(({ message }) => message)).toEqual(attempts.map((attempt) => `for ${attempt}`));
    });

    it('releases from the row alone, and one that fails holds up none of the others', async () => {
      const seen: string[] = [];
      const client = await start({
        release: ({ kind, key, handle, idempotencyKey }) => {
          seen.push(`${kind} ${key} ${JSON.stringify(handle)} ${idempotencyKey}`);
          if (key === 'b') throw new Error('the pool is locked');
        },
      });
      const answer = await client.release(
        testReleaseCall([
          { kind: 'slot', key: 'a', input: null, handle: { n: 1 } },
          { kind: 'slot', key: 'b', input: null, handle: { n: 2 } },
          { kind: 'name', key: 'c', input: null, handle: null },
        ]),
      );
      expect([...answer.released].sort()).toEqual(['a', 'c']);
      expect(answer.failed).toEqual([{ key: 'b', message: 'the pool is locked' }]);
      expect(seen).toEqual(['slot a {"n":1} key-1', 'slot b {"n":2} key-1', 'name c null key-1']);
    });

    it('releases two kinds of one key, and lets a failure of either stand for the key', async () => {
      const seen: string[] = [];
      const client = await start({
        release: ({ kind, key }) => {
          seen.push(kind);
          if (kind === 'name' && key === 'same') throw new Error('held');
        },
      });
      const row = { key: 'same', input: null, handle: {} };
      expect(
        await client.release(
          testReleaseCall([
            { ...row, kind: 'slot' },
            { ...row, kind: 'name' },
          ]),
        ),
      ).toEqual({
        released: [],
        failed: [{ key: 'same', message: 'held' }],
      });
      expect(seen.sort()).toEqual(['name', 'slot']);
    });

    it('gives up a release that hangs when it is aborted', async () => {
      const client = await start({ release: () => new Promise<void>(() => {}) });
      const call = testReleaseCall([{ kind: 'slot', key: 'a', input: null, handle: {} }], { signal: AbortSignal.timeout(100), deadlineMs: 100 });
      expect(await failure(client.release(call))).toMatchObject({ code: 'hook_timed_out', context: { extension: 'under-test' } });
    });

    it('throws the failure that an abort carries', async () => {
      const client = await start({ release: () => new Promise<void>(() => {}) });
      const controller = new AbortController();
      const released = failure(client.release(testReleaseCall([{ kind: 'slot', key: 'a', input: null, handle: {} }], { signal: controller.signal })));
      setTimeout(() => controller.abort(new TenonError('killed', 'the kill switch is on')), 20);
      expect(await released).toMatchObject({ code: 'killed' });
    });

    it('lists what the extension holds, and null where it does not offer that', async () => {
      const held = [{ kind: 'slot', key: 'a', sandboxId: 'sb-1' }];
      const signal = new AbortController().signal;
      expect(await (await start({ list: () => held })).list(signal)).toEqual({ effects: held });
      const without = await start({});
      expect(await without.list(signal)).toBeNull();
      expect(await without.list(signal)).toBeNull();
    });
  });
}

/** The plan that an answer makes of the call's, whatever its form. */
function edited(call: HookCall, answer: HookAnswer): unknown {
  if (answer.edit === null) return call.plan.value;
  if (answer.edit.kind === 'value') return JSON.parse(JSON.stringify(answer.edit.value));
  return jsonPatch.applyPatch(structuredClone(call.plan.value), structuredClone(answer.edit.patches) as Operation[]).newDocument;
}

function nested(levels: number): Json {
  let value: Json = {};
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
}

/** The TenonError that a promise rejects with; anything else fails the test. */
export async function failure(promise: Promise<unknown>): Promise<TenonError> {
  const thrown = await promise.then(
    (value) => expect.fail(`it answered ${JSON.stringify(value)} instead of failing`),
    (error: unknown) => error,
  );
  if (!(thrown instanceof TenonError)) throw thrown;
  return thrown;
}
