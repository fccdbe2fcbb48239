import { ERROR_CODES, type ErrorCode, type Phase } from '@tenon/vocabulary';

/** Where a failure happened and what it touches; every field that is known travels into the problem document. */
export interface FailureContext {
  /** The way out, for the person who must act. */
  readonly hint?: string;
  /** JSON Pointer into the request body where one field is wrong. */
  readonly pointer?: string;
  readonly extension?: string;
  readonly phase?: Phase;
  /** Path inside a plan. */
  readonly path?: string;
  /** The other party of a conflict: an extension's name. */
  readonly conflictsWith?: string;
  readonly runId?: string;
  readonly sandboxId?: string;
  readonly attemptId?: string;
  /** The hook's own code, where a hook spoke. */
  readonly hookCode?: string;
  /** For transport failures and hooks that ask for it: when to try again. */
  readonly retryAfterMs?: number;
  /** For `forbidden`: the role that would be needed. */
  readonly missingRole?: string;
  /** Values as they are now, for a lost race. */
  readonly current?: unknown;
}

/** The one failure type of the product: a stable code from the catalogue and a message written for a person. */
export class TenonError extends Error {
  readonly code: ErrorCode;
  readonly context: FailureContext;

  constructor(code: ErrorCode, message: string, context: FailureContext = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TenonError';
    this.code = code;
    this.context = context;
  }

  get httpStatus(): number {
    return ERROR_CODES[this.code].http;
  }

  /** The same failure with more of its surroundings known; what is known already stays. */
  within(context: FailureContext): TenonError {
    return new TenonError(this.code, this.message, { ...context, ...this.context }, this.cause);
  }
}

/** Turns anything thrown, an Error or not, into a TenonError; `code` is used where it is not one already. */
export function toTenonError(thrown: unknown, code: ErrorCode = 'internal', context: FailureContext = {}): TenonError {
  if (thrown instanceof TenonError) return thrown.within(context);
  return new TenonError(code, messageOf(thrown), context, thrown);
}

/** A one-line, bounded, storable message of anything thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return storable(thrown.message || thrown.name);
  if (typeof thrown === 'string') return storable(thrown || 'an empty string was thrown');
  try {
    return storable(`a ${thrown === null ? 'null' : typeof thrown} was thrown: ${String(JSON.stringify(thrown))}`);
  } catch {
    return `a ${typeof thrown} that cannot be shown was thrown`;
  }
}

/** PostgreSQL refuses NUL and lone surrogates in text: escape them, so that a hook's message cannot stop the trace. */
export function storable(text: string, max = 4096): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text;
  return cut.toWellFormed().replaceAll('\0', '\\u0000');
}
