import type { CallStore } from './call-store.ts';
import { Refusal } from './refusal.ts';
import type { HookAnswer, HookRequest, Phase } from './wire.ts';

/** What a hook gets beside the request. */
export interface HookTools {
  /** Fires at the deadline, and when a release fences the call. */
  readonly signal: AbortSignal;
  readonly traceparent: string | null;
  /** Lines for the attempt's log in Tenon, 64 KiB in all. */
  readonly log: Log;
}

export interface Log {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What a hook answers: nothing at all means ok. Key and attempt are echoed for it; lines that it logged are added. */
export type HookReply = Partial<Omit<HookAnswer, 'idempotencyKey' | 'attempt'>>;

/** A hook. What it throws becomes `fail` with the error's message. */
export type Hook = (request: HookRequest, tools: HookTools) => Promise<HookReply | undefined> | HookReply | undefined;
export type Hooks = Readonly<Partial<Record<Phase, Hook>>>;

/**
 * Runs hooks once for each idempotency key: an attempt that comes while another is under way waits for it, one that comes after it gets
 * the same answer, and after a release with the key every one is refused.
 */
export class HookRunner {
  readonly #hooks: Hooks;
  readonly #store: CallStore;
  readonly #running = new Map<string, { readonly controller: AbortController; readonly done: Promise<HookAnswer> }>();

  constructor(hooks: Hooks, store: CallStore) {
    this.#hooks = hooks;
    this.#store = store;
  }

  async run(request: HookRequest, call: { readonly deadlineMs: number; readonly traceparent: string | null }): Promise<HookAnswer> {
    const { idempotencyKey: key, attempt } = request.run;
    const hook = Object.hasOwn(this.#hooks, request.phase) ? this.#hooks[request.phase] : undefined;
    if (!hook) throw new Refusal(400, `no hook for the phase ${JSON.stringify(request.phase)}; there are ${Object.keys(this.#hooks).join(', ')}`);
    const answer = await this.#once(key, hook, request, call);
    return { ...answer, idempotencyKey: key, attempt };
  }

  async #once(key: string, hook: Hook, request: HookRequest, call: { readonly deadlineMs: number; readonly traceparent: string | null }): Promise<HookAnswer> {
    // Nothing is awaited between finding that nobody runs under the key and taking it, so no two run at once here.
    for (let running = this.#running.get(key); running; running = this.#running.get(key)) {
      const answer = await running.done;
      if (answer.result !== 'fail') return answer;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error(`the deadline of ${call.deadlineMs} ms has passed`)), call.deadlineMs);
    const done = this.#call(key, hook, request, { signal: controller.signal, traceparent: call.traceparent });
    this.#running.set(key, { controller, done });
    try {
      return await done;
    } finally {
      clearTimeout(timer);
      this.#running.delete(key);
    }
  }

  async #call(key: string, hook: Hook, request: HookRequest, tools: Omit<HookTools, 'log'>): Promise<HookAnswer> {
    const logs: { at: string; level: string; message: string }[] = [];
    const line = (level: string) => (message: string) => void logs.push({ at: new Date().toISOString(), level, message: String(message) });
    const known = await this.#store.look(key);
    if (known.state === 'fenced') throw fenced(key);
    if (known.state === 'answered') return known.answer;
    let answer: HookAnswer;
    try {
      const reply: unknown = (await hook(request, { ...tools, log: { info: line('info'), warn: line('warn'), error: line('error') } })) ?? {};
      // The types say so already; plain JavaScript may still answer anything.
      if (typeof reply !== 'object' || Array.isArray(reply))
        throw new TypeError(`the hook answered ${Array.isArray(reply) ? 'a list' : `a ${typeof reply}`}, not an object or nothing`);
      answer = { result: 'ok', ...reply };
    } catch (thrown) {
      answer = { result: 'fail', message: thrown instanceof Error ? thrown.message : String(thrown) };
    }
    if (logs.length > 0) answer = { ...answer, logs: [...(answer.logs ?? []), ...logs] };
    // A failure is not kept: the next attempt is to try again.
    if (answer.result !== 'fail' && !(await this.#store.keep(key, answer))) throw fenced(key);
    return answer;
  }

  /** Refuses the key from now on, aborts what runs under it, and waits until that has ended. False: it still runs after `waitMs`. */
  async fence(key: string, waitMs: number): Promise<boolean> {
    await this.#store.fence(key);
    const running = this.#running.get(key);
    if (!running) return true;
    running.controller.abort(new Error('a release with the key of this call came'));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), waitMs);
    });
    // How the hook ended does not matter here, only that it did; its caller gets the answer or the refusal.
    const ended = running.done.then(
      () => true,
      () => true,
    );
    try {
      return await Promise.race([ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

function fenced(key: string): Refusal {
  return new Refusal(409, `the idempotency key ${JSON.stringify(key)} was released: no hook runs under it any more`);
}
