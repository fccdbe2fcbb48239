import { LIMITS, type Phase } from '@tenon/vocabulary';
import { answeredJson } from './answered-json.ts';
import { messageOf, TenonError } from './errors.ts';
import type { EffectDefinition, Extension, HookFunction } from './extension.ts';
import { InProcessContext, type LogOptions } from './in-process-context.ts';
import { type HookReplyParts, OK, parseReply } from './in-process-reply.ts';
import type { EffectFunctions, ExtensionClient, HookAnswer, HookCall, ReleaseAnswer, ReleaseCall, Transport } from './ports/transport.ts';

export interface InProcessOptions extends LogOptions {
  /** How large the state of an extension may be, bytes of JSON. */
  readonly stateBytes?: number;
}

/**
 * The transport of extensions whose code is in this process. It opens a revision only where that very revision's code is here.
 * The caller holds the deadline of a hook (one timer for a whole run): a hook that never returns leaves its promise pending.
 * `extensions` may be a map that grows and changes while the product runs.
 */
export function inProcessTransport(extensions: readonly Extension[] | ReadonlyMap<string, Extension>, options: InProcessOptions = {}): Transport {
  const registry = extensions instanceof Map ? extensions : new Map([...extensions.values()].map((extension) => [extension.manifest.name, extension] as const));
  const clients = new WeakMap<Extension, ExtensionClient>();
  return {
    kind: 'in_process',
    open(revision) {
      const extension = revision.transport.kind === 'in_process' ? registry.get(revision.extension) : undefined;
      if (extension?.manifest.revision !== revision.revision) return null;
      const known = clients.get(extension);
      if (known) return known;
      const client = clientOf(extension, options);
      clients.set(extension, client);
      return client;
    },
    async close() {},
  };
}

function clientOf(extension: Extension, options: InProcessOptions): ExtensionClient {
  const listed = [...Object.entries(extension.effects), ...Object.entries(extension.shared)];
  return {
    describe: async () => extension.manifest,
    hook: (call) => callHook(extension, call, options),
    release: (call) => releaseAll(extension, call),
    async list(signal, services = {}) {
      const lists = listed.flatMap(([kind, definition]) => (definition.list ? [{ kind, list: definition.list.bind(definition) }] : []));
      if (lists.length === 0) return null;
      const found = await beforeAbort(
        Promise.all(lists.map(async ({ kind, list }) => (await list(services)).map(({ key, sandboxId }) => ({ kind, key, sandboxId })))),
        signal,
        () => new TenonError('hook_timed_out', `${extension.manifest.name} did not list what it holds in time`, { extension: extension.manifest.name }),
      );
      return { effects: found.flat() };
    },
    effects: definitions(extension.manifest.name, 'effect', extension.effects),
    shared: definitions(extension.manifest.name, 'shared thing', extension.shared),
  };
}

async function callHook(extension: Extension, call: HookCall, options: InProcessOptions): Promise<HookAnswer> {
  const { phase } = call.parts ?? call.input;
  const run: HookFunction | undefined = Object.hasOwn(extension.hooks, phase) ? extension.hooks[phase] : undefined;
  if (!run) throw new TenonError('hook_protocol_error', `${extension.manifest.name} has no hook for ${phase}`, whereOf(extension, phase));
  const context = new InProcessContext(call, options);
  try {
    const said = await run(context);
    // Most hooks have nothing to say, and nothing to judge.
    const reply = said === undefined ? OK : parseReply(said, whereOf(extension, phase), options.stateBytes);
    return answerOf(reply, reply.result === 'ok' ? context.edit() : null, context.lines);
  } catch (thrown) {
    const where = whereOf(extension, phase);
    if (thrown instanceof TenonError) throw thrown.within(where);
    if (context.isDoorFailure(thrown)) throw thrown;
    throw new TenonError('hook_failed', messageOf(thrown), where, thrown);
  } finally {
    context.settle();
  }
}

function whereOf(extension: Extension, phase: Phase): { extension: string; phase: Phase } {
  return { extension: extension.manifest.name, phase };
}

/** Field by field: spreading the reply costs six times as much as all else in the dispatch of a hook. */
function answerOf(reply: HookReplyParts, edit: HookAnswer['edit'], logs: HookAnswer['logs']): HookAnswer {
  const { result, code, message, resourceExhausted, retryAfterMs, state, warnings } = reply;
  return { result, code, message, resourceExhausted, retryAfterMs, edit, effects: NO_EFFECTS, state, warnings, logs };
}

const NO_EFFECTS: HookAnswer['effects'] = [];

/**
 * Releases one after the other, in the order given. One that throws is answered as failed and holds up none of the others;
 * the deadline throws `hook_timed_out`, so that the whole call is tried again (every release is idempotent).
 */
async function releaseAll(extension: Extension, call: ReleaseCall): Promise<ReleaseAnswer> {
  const { name } = extension.manifest;
  const released = new Set<string>();
  const failed = new Map<string, string>();
  const late = () => new TenonError('hook_timed_out', `${name} did not release its effects within ${call.deadlineMs} ms`, { extension: name });
  for (const { kind, key, input, handle } of call.effects) {
    if (call.signal.aborted) throw abortReason(call.signal, late);
    const definition = Object.hasOwn(extension.effects, kind) ? extension.effects[kind] : undefined;
    if (!definition) {
      failed.set(key, `${name} ${extension.manifest.revision} declares no effect kind ${kind}: install a revision that can release it`);
      continue;
    }
    try {
      const release = async () => definition.release({ key, input, handle, idempotencyKey: call.idempotencyKey, signal: call.signal }, call.services);
      await beforeAbort(release(), call.signal, late);
      released.add(key);
    } catch (thrown) {
      if (call.signal.aborted) throw abortReason(call.signal, late);
      failed.set(key, messageOf(thrown));
    }
  }
  // Two kinds may share a key; the answer knows keys only, so a failure of either is a failure of the key.
  return { released: [...released].filter((key) => !failed.has(key)), failed: [...failed].map(([key, message]) => ({ key, message })) };
}

function definitions(extension: string, what: string, declared: Readonly<Record<string, EffectDefinition>>): EffectFunctions | null {
  if (Object.keys(declared).length === 0) return null;
  const find = (kind: string): EffectDefinition => {
    const definition = Object.hasOwn(declared, kind) ? declared[kind] : undefined;
    if (!definition) {
      const known = Object.keys(declared).join(', ');
      throw new TenonError('hook_failed', `${extension} declares no ${what} of kind ${JSON.stringify(kind)}; it declares ${known}`, { extension });
    }
    return definition;
  };
  return {
    has: (kind) => Object.hasOwn(declared, kind),
    async apply(kind, call, services) {
      const handle: unknown = await find(kind).apply(call, services);
      return answeredJson(handle ?? null, `the handle of ${kind} ${JSON.stringify(call.key)}`, { planBytes: LIMITS.extensionStateBytes });
    },
    release: async (kind, call, services) => find(kind).release(call, services),
  };
}

/** Settles with the work, or throws once the signal fires; the work is left to end by itself. */
async function beforeAbort<T>(work: Promise<T>, signal: AbortSignal, late: () => TenonError): Promise<T> {
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortReason(signal, late));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    if (signal.aborted) stop();
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function abortReason(signal: AbortSignal, late: () => TenonError): TenonError {
  return signal.reason instanceof TenonError ? signal.reason : late();
}
