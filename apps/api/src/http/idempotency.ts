import { createHash } from 'node:crypto';
import { TenonError } from '@tenon/lifecycle';
import type { Call, Deps } from '../context.ts';
import { fromFastify } from './errors.ts';
import { PROBLEM_TYPE, problemOf } from './problem.ts';

/** What a handler answers. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What a repeated request gets instead of `body`, where that holds something shown only once. */
  readonly replay?: unknown;
}

/**
 * Does the work at most once for a key. The same key and body again gets the same answer; another body, or a request still in flight, is
 * `idempotency_conflict`. A failure that opened no run changed nothing: its key is free again.
 */
export async function once(
  deps: Deps,
  call: Call,
  request: { readonly key: string; readonly method: string; readonly url: string; readonly body: unknown },
  work: () => Promise<Answer>,
): Promise<Answer> {
  const key = checkedKey(request.key);
  const scope = `${call.principal.tokenId} ${request.method} ${request.url}`;
  const begun = await deps.store.beginIdempotent(key, scope, digestOf(request.body));
  if (begun.state === 'done') return { status: begun.status, body: begun.body, headers: { ...begun.headers, 'idempotency-replayed': 'true' } };
  if (begun.state === 'busy') throw conflict(`the request with the Idempotency-Key ${key} is still in flight`, 'Wait, then send it again with the same key.');
  if (begun.state === 'other') throw conflict(`the Idempotency-Key ${key} was used with another body`, 'Use a new key for a new request.');
  let answer: Answer;
  try {
    answer = await work();
  } catch (thrown) {
    const error = fromFastify(thrown);
    const problem = problemOf(error, call.requestId);
    const kept = error.context.runId === undefined ? null : { status: problem.status, body: problem, headers: { 'content-type': PROBLEM_TYPE } };
    await deps.store.endIdempotent(key, scope, kept);
    throw error;
  }
  await deps.store.endIdempotent(key, scope, { status: answer.status, body: answer.replay ?? answer.body ?? null, headers: answer.headers ?? {} });
  return answer;
}

function checkedKey(key: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new TenonError('validation_failed', 'the Idempotency-Key must be 1 to 255 visible ASCII characters', { hint: 'Use a UUID.' });
}

const digestOf = (body: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(body) ?? '')
    .digest('hex');

const conflict = (message: string, hint: string): TenonError => new TenonError('idempotency_conflict', message, { hint });
