import { WireHookAnswer, type WireReleaseAnswer } from '@tenon/contract';
import { type HookAnswer, type HookCall, type ReleaseAnswer, type ReleaseCall, storable, TenonError } from '@tenon/lifecycle';
import type { AnswerLimits } from './answer-limits.ts';
import { judge, protocolError } from './read-answer.ts';

/** Judges a hook's answer that came as JSON over any transport, and puts it into the engine's form. */
export function judgeHookAnswer(value: unknown, call: HookCall, who: string, limits: AnswerLimits): HookAnswer {
  const answer = judge(WireHookAnswer, value, who);
  const { attempt, idempotencyKey } = call.input.run;
  if (answer.idempotencyKey != null && answer.idempotencyKey !== idempotencyKey) {
    throw protocolError(
      who,
      `idempotencyKey is ${JSON.stringify(storable(answer.idempotencyKey, 200))}, but the call carried ${JSON.stringify(idempotencyKey)}: echo it, or leave it out`,
    );
  }
  if (answer.attempt != null && answer.attempt !== attempt) {
    throw protocolError(who, `attempt is ${answer.attempt}, but the call carried ${attempt}: echo it, or leave it out`);
  }
  if (answer.patches.length > limits.patchesPerAttempt) {
    throw new TenonError(
      'patch_too_large',
      `${who} answered ${answer.patches.length} patches; ${limits.patchesPerAttempt} at most are taken: replace a whole part instead`,
    );
  }
  if (answer.state !== null) {
    const bytes = Buffer.byteLength(JSON.stringify(answer.state));
    if (bytes > limits.extensionStateBytes)
      throw protocolError(who, `state is ${bytes} bytes; ${limits.extensionStateBytes} at most are kept: keep less in it`);
  }
  return {
    result: answer.result,
    code: answer.code,
    message: answer.message === null ? null : storable(answer.message),
    resourceExhausted: answer.resourceExhausted,
    retryAfterMs: answer.retryAfterMs,
    // Only a hook that agrees changes anything.
    edit: answer.result !== 'ok' || answer.patches.length === 0 ? null : { kind: 'patches', patches: answer.patches },
    effects: answer.effects,
    state: answer.state,
    warnings: answer.warnings.map((warning) => storable(warning)),
    logs: boundedLogs(answer.logs, limits.attemptLogBytes),
  };
}

/** Lines until the cap; then one line says that the rest is left out. */
function boundedLogs(lines: WireHookAnswer['logs'], maxBytes: number): HookAnswer['logs'] {
  const kept: { at: number; level: string; message: string }[] = [];
  let left = maxBytes;
  for (const { at, level, message } of lines) {
    const when = at === null ? Date.now() : Date.parse(at);
    const text = storable(message);
    left -= Buffer.byteLength(text);
    if (left < 0) {
      kept.push({ at: when, level: 'warn', message: 'further lines are left out: the log of one attempt is full' });
      break;
    }
    kept.push({ at: when, level, message: text });
  }
  return kept;
}

type ReleasedEffect = ReleaseCall['effects'][number];

/** The row that stands for a hook call whose effects are not known; it is released by its idempotency key alone. */
const UNKNOWN_EFFECTS = '*';

/** One call never holds two effects with the same key; rows of unknown effects go in a call of their own, with none named. */
export function releaseBatches(effects: readonly ReleasedEffect[]): readonly (readonly ReleasedEffect[])[] {
  const named = effects.filter(({ kind }) => kind !== UNKNOWN_EFFECTS);
  const batches: Map<string, ReleasedEffect>[] = [];
  for (const effect of named) {
    const free = batches.find((batch) => !batch.has(effect.key));
    if (free) free.set(effect.key, effect);
    else batches.push(new Map([[effect.key, effect]]));
  }
  const lists = batches.map((batch) => [...batch.values()]);
  return named.length < effects.length || effects.length === 0 ? [...lists, []] : lists;
}

/** What a batch's answer says of each effect asked for: named in neither list is failed; a failure wins over a release. */
export function judgeReleased(asked: readonly ReleasedEffect[], answer: WireReleaseAnswer): ReleaseAnswer {
  if (asked.length === 0) return answer;
  const failed = new Map(answer.failed.map(({ key, message }) => [key, storable(message)]));
  const askedKeys = new Set(asked.map(({ key }) => key));
  // A null handle asks for everything made under the idempotency key, so a failure of a key that was not asked for is a failure of that effect.
  const other = answer.failed.find(({ key }) => !askedKeys.has(key));
  const released: string[] = [];
  const notReleased: { key: string; message: string }[] = [];
  for (const { key, handle } of asked) {
    const message = failed.get(key) ?? (handle === null && other ? `${other.key}: ${storable(other.message)}` : undefined);
    if (message !== undefined) notReleased.push({ key, message });
    else if (answer.released.includes(key)) released.push(key);
    else notReleased.push({ key, message: 'the answer names it neither as released nor as failed' });
  }
  return { released, failed: notReleased };
}

/** The answers of several batches as one. Two kinds may share a key; a failure of either is a failure of the key. */
export function joinReleased(call: ReleaseCall, answers: readonly ReleaseAnswer[]): ReleaseAnswer {
  const failed = new Map(answers.flatMap((answer) => answer.failed).map(({ key, message }) => [key, message]));
  const released = new Set(answers.flatMap((answer) => answer.released));
  // Rows of unknown effects are released where nothing was said to have failed.
  for (const { kind, key } of call.effects) {
    if (kind !== UNKNOWN_EFFECTS) continue;
    const unnamed = answers.at(-1)?.failed[0];
    if (unnamed) failed.set(key, `${unnamed.key}: ${unnamed.message}`);
    else released.add(key);
  }
  return { released: [...released].filter((key) => !failed.has(key)), failed: [...failed].map(([key, message]) => ({ key, message })) };
}
