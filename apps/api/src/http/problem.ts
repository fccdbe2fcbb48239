import type { ProblemView } from '@tenon/contract';
import { storable, TenonError, toTenonError } from '@tenon/lifecycle';
import { ERROR_CODES } from '@tenon/vocabulary';
import { ZodError } from 'zod';
import { refusalOf } from './validation.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** Everything that was thrown as the failure that it is; what nobody foresaw is `internal`, with nothing of its insides shown. */
export function failure(thrown: unknown): TenonError {
  if (thrown instanceof TenonError) return thrown;
  if (thrown instanceof ZodError) return refusalOf(thrown.issues, '');
  return toTenonError(thrown, 'internal');
}

/** The problem document of a failure. */
export function problemOf(error: TenonError, requestId: string): ProblemView {
  const row = ERROR_CODES[error.code];
  const { context } = error;
  const unforeseen = error.code === 'internal' && !(error.cause === undefined && context.hint !== undefined);
  return {
    type: `https://tenon.dev/problems/${error.code}`,
    title: row.title,
    status: row.http,
    code: error.code,
    detail: unforeseen ? 'Something failed that should not have; the log has the rest under this request id.' : storable(error.message),
    ...(context.hint === undefined ? {} : { hint: storable(context.hint) }),
    ...(context.pointer === undefined ? {} : { pointer: context.pointer }),
    requestId,
    ...(context.runId === undefined ? {} : { runId: context.runId }),
    ...(context.sandboxId === undefined ? {} : { sandboxId: context.sandboxId }),
    ...(context.attemptId === undefined ? {} : { attemptId: context.attemptId }),
    ...(context.extension === undefined ? {} : { extension: context.extension }),
    ...(context.phase === undefined ? {} : { phase: context.phase }),
    ...(context.path === undefined ? {} : { path: context.path }),
    ...(context.conflictsWith === undefined ? {} : { conflictsWith: context.conflictsWith }),
    ...(context.hookCode === undefined ? {} : { hookCode: context.hookCode }),
    ...(context.missingRole === undefined ? {} : { missingRole: context.missingRole }),
    // Whoever sets `current` has presented it: it is JSON already.
    ...(context.current === undefined ? {} : { current: context.current as ProblemView['current'] & {} }),
  };
}
