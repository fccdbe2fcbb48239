import type { HookAnswer } from './wire.ts';

/**
 * What must be remembered of idempotency keys. One process may keep it in memory; several that answer for one extension share one store
 * (each method one atomic statement on a table keyed by `key`). Within one process no two calls run under one key; two processes may, when
 * an attempt that timed out still runs in one of them: then it is the extension's effects that must be the same for the same key.
 */
export interface CallStore {
  /** `fenced`: a release with this key came already. `answered`: a call under it ended well before. `new`: neither. */
  look(key: string): Promise<{ readonly state: 'new' | 'fenced' } | { readonly state: 'answered'; readonly answer: HookAnswer }>;
  /** Keeps the answer, unless the key was fenced meanwhile: then false. */
  keep(key: string, answer: HookAnswer): Promise<boolean>;
  /** From now on, for good, hooks with this key are refused. */
  fence(key: string): Promise<void>;
}

export interface MemoryStoreOptions {
  /** How long a key is remembered, ms; default one hour, far beyond any deadline of a hook. */
  readonly ttlMs?: number;
  /** Answers kept at most, the oldest go first; default 10,000. Fences only go by age. */
  readonly maxAnswers?: number;
  /** Epoch milliseconds; default the clock. */
  readonly now?: () => number;
}

/** The store of an extension that is one process. After a restart it has forgotten; then effects must be idempotent by themselves. */
export function memoryStore(options: MemoryStoreOptions = {}): CallStore {
  const { ttlMs = 3_600_000, maxAnswers = 10_000, now = Date.now } = options;
  // Both maps are in order of insertion, so what is too old stands first.
  const answers = new Map<string, { readonly answer: HookAnswer; readonly until: number }>();
  const fences = new Map<string, number>();
  const forget = () => {
    for (const [key, until] of fences) {
      if (until > now()) break;
      fences.delete(key);
    }
    for (const [key, { until }] of answers) {
      if (until > now() && answers.size <= maxAnswers) break;
      answers.delete(key);
    }
  };
  return {
    async look(key) {
      forget();
      if (fences.has(key)) return { state: 'fenced' };
      const known = answers.get(key);
      return known ? { state: 'answered', answer: known.answer } : { state: 'new' };
    },
    async keep(key, answer) {
      forget();
      if (fences.has(key)) return false;
      answers.delete(key);
      answers.set(key, { answer, until: now() + ttlMs });
      return true;
    },
    async fence(key) {
      forget();
      answers.delete(key);
      fences.delete(key);
      fences.set(key, now() + ttlMs);
    },
  };
}
