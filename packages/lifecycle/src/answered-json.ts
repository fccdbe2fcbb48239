import type { Limits } from '@tenon/vocabulary';
import { TenonError } from './errors.ts';
import type { Json } from './json.ts';
import { copyJson } from './plan/json-guard.ts';

/**
 * A deep copy of a value that an extension answered (its state, a handle, a whole body), judged as a plan's values are:
 * `hook_protocol_error` on what JSON or a row cannot hold, on keys that never resolve, and beyond `planBytes` and `planDepth`.
 * `what` is the value's name in messages.
 */
export function answeredJson(value: unknown, what: string, limits: Partial<Pick<Limits, 'planBytes' | 'planDepth'>> = {}): Json {
  try {
    return copyJson(value, limits);
  } catch (thrown) {
    if (!(thrown instanceof TenonError)) throw thrown;
    const hint = thrown.context.hint;
    throw new TenonError('hook_protocol_error', `${what}: ${thrown.message}`, { ...(hint === undefined ? {} : { hint }) }, thrown);
  }
}

/** What makes a text unfit for a row, or null where it is fit. */
export function textFault(text: string): string | null {
  if (text.includes('\0')) return 'a NUL character';
  return text.isWellFormed() ? null : 'a lone surrogate';
}
