import { HOOK_RESULTS, type HookResult, LIMITS, type Phase } from '@tenon/vocabulary';
import { answeredJson, textFault } from './answered-json.ts';
import { storable, TenonError } from './errors.ts';
import { isObject, type JsonObject } from './json.ts';
import type { HookAnswer } from './ports/transport.ts';

const REPLY_FIELDS = ['result', 'code', 'message', 'resourceExhausted', 'retryAfterMs', 'state', 'warnings'];
/** What a hook's own words come to; the edit, effects and log lines come from elsewhere. */
export type HookReplyParts = Omit<HookAnswer, 'edit' | 'effects' | 'logs'>;
/** What a hook means that returns nothing. */
export const OK: HookReplyParts = { result: 'ok', code: null, message: null, resourceExhausted: false, retryAfterMs: null, state: null, warnings: [] };

/** Judges what a hook in this process returned: nothing means ok, anything outside `HookReply` is `hook_protocol_error`. */
export function parseReply(reply: unknown, where: { extension: string; phase: Phase }, stateBytes: number = LIMITS.extensionStateBytes): HookReplyParts {
  if (reply === undefined) return OK;
  const refuse = (message: string): never => {
    throw new TenonError('hook_protocol_error', `the hook ${where.phase} of ${where.extension} answered outside the contract: ${message}`, where);
  };
  if (!isObject(reply))
    return refuse(`a hook answers nothing or an object, not ${reply === null ? 'null' : Array.isArray(reply) ? 'a list' : `a ${typeof reply}`}`);
  for (const field of Object.keys(reply)) {
    if (!REPLY_FIELDS.includes(field)) refuse(`unknown field ${JSON.stringify(storable(field, 80))}; known are ${REPLY_FIELDS.join(', ')}`);
  }
  const text = (field: string, value: unknown): string | null => {
    if (value === undefined || value === null) return null;
    if (typeof value !== 'string') return refuse(`${field} must be text, not a ${typeof value}`);
    const fault = textFault(value);
    return fault ? refuse(`${field} holds ${fault}, which cannot be stored`) : storable(value);
  };
  const result = reply.result ?? 'ok';
  if (!isHookResult(result)) return refuse(`result must be one of ${HOOK_RESULTS.join(', ')}`);
  const exhausted = reply.resourceExhausted ?? false;
  if (typeof exhausted !== 'boolean') return refuse('resourceExhausted must be true or false');
  const retryAfterMs = reply.retryAfterMs ?? null;
  if (retryAfterMs !== null && !(typeof retryAfterMs === 'number' && Number.isInteger(retryAfterMs) && retryAfterMs >= 0)) {
    return refuse('retryAfterMs must be a whole number of milliseconds, 0 or more, or null');
  }
  const warnings = reply.warnings ?? [];
  if (!Array.isArray(warnings)) return refuse('warnings must be a list of texts');
  const state = reply.state ?? null;
  if (state !== null && !isObject(state)) return refuse('state must be an object');
  return {
    result,
    code: text('code', reply.code),
    message: text('message', reply.message),
    resourceExhausted: exhausted,
    retryAfterMs,
    state: state === null ? null : (answeredJson(state, 'state', { planBytes: stateBytes }) as JsonObject),
    warnings: warnings.map((warning, index) => text(`warnings[${index}]`, warning) ?? refuse(`warnings[${index}] must be text`)),
  };
}

function isHookResult(value: unknown): value is HookResult {
  return (HOOK_RESULTS as readonly unknown[]).includes(value);
}
