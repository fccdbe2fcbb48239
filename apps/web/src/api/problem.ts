import type { ProblemView } from '@tenon/contract';
import { ERROR_CODES, type ErrorCode } from '@tenon/vocabulary';

/** A failure as the pages show it: the API's problem document, or what stands in for it where no answer came. */
export type Problem = Pick<ProblemView, 'title' | 'detail' | 'hint' | 'pointer' | 'current' | 'runId' | 'sandboxId' | 'attemptId' | 'missingRole'> & {
  readonly code: string;
  readonly requestId?: string | undefined;
  readonly status: number | null;
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** Reads a problem document; null where the value is none. */
export function readProblem(value: unknown): Problem | null {
  if (!isRecord(value)) return null;
  const code = text(value.code);
  const detail = text(value.detail);
  if (code === undefined || detail === undefined) return null;
  const row = Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as ErrorCode] : undefined;
  return {
    code,
    detail,
    title: text(value.title) ?? row?.title ?? 'Request failed',
    status: typeof value.status === 'number' ? value.status : (row?.http ?? null),
    hint: text(value.hint),
    pointer: text(value.pointer),
    requestId: text(value.requestId),
    runId: text(value.runId),
    sandboxId: text(value.sandboxId),
    attemptId: text(value.attemptId),
    missingRole: text(value.missingRole),
    ...(value.current === undefined ? {} : { current: value.current as NonNullable<Problem['current']> }),
  };
}

/** Whatever a call threw, as a problem: never nothing, never a stack. */
export function problemOf(failure: unknown): Problem {
  if (isRecord(failure) && isRecord(failure.data)) {
    const found = readProblem(failure.data.problem);
    if (found) return found;
  }
  // What is refused before tRPC sees it (no session, a body too large) answers the bare document.
  if (isRecord(failure) && isRecord(failure.meta)) {
    const found = readProblem(failure.meta.responseJSON);
    if (found) return found;
  }
  const message = failure instanceof Error ? failure.message : String(failure);
  return {
    code: 'no_answer',
    title: 'The API did not answer',
    detail: message,
    hint: 'Check that Tenon is running and that this page can reach it; then try again.',
    status: null,
  };
}

/** A refusal of a request by REST, thrown so that every failure takes one path. */
export class ProblemError extends Error {
  readonly data: { readonly problem: unknown };
  constructor(problem: unknown, fallback: string) {
    super(readProblem(problem)?.detail ?? fallback);
    this.name = 'ProblemError';
    this.data = { problem };
  }
}

/**
 * The error that belongs at one field of a form.
 * @param pointers JSON Pointers that the field answers for; one that ends in `/*` also takes everything below it.
 */
export function errorAt(problem: Problem | null, ...pointers: readonly string[]): string | null {
  const at = problem?.pointer;
  if (problem === null || at === undefined) return null;
  const hit = pointers.some((pointer) => (pointer.endsWith('/*') ? at === pointer.slice(0, -2) || at.startsWith(pointer.slice(0, -1)) : at === pointer));
  return hit ? problem.detail : null;
}
