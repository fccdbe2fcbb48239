import type { HookAnswer, HookCall, ReleaseAnswer, ReleaseCall, Transport } from '../src/ports/transport.ts';

export const OK: HookAnswer = {
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
};

/** What an out-of-process extension does in a test: answers, throws or never settles, as its functions say. */
export interface Script {
  hook?(call: HookCall): Promise<HookAnswer> | HookAnswer;
  release?(call: ReleaseCall): Promise<ReleaseAnswer> | ReleaseAnswer;
}

export interface ScriptedTransport extends Transport {
  readonly hooks: HookCall[];
  readonly releases: ReleaseCall[];
}

/** A transport of kind http whose other end is a script by extension name: the engine's tests need no socket. */
export function scriptedTransport(scripts: Readonly<Record<string, Script>>): ScriptedTransport {
  const hooks: HookCall[] = [];
  const releases: ReleaseCall[] = [];
  return {
    kind: 'http',
    hooks,
    releases,
    open(revision) {
      const script = scripts[revision.extension];
      if (script === undefined) return null;
      return {
        describe: async () => revision.manifest,
        async hook(call) {
          hooks.push(call);
          return script.hook === undefined ? OK : script.hook(call);
        },
        async release(call) {
          releases.push(call);
          return script.release === undefined ? { released: call.effects.map((effect) => effect.key), failed: [] } : script.release(call);
        },
        list: async () => null,
        effects: null,
        shared: null,
      };
    },
    async close() {},
  };
}
