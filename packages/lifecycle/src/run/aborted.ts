import type { TenonError } from '../errors.ts';
import type { AbortCause } from './deadline.ts';

/** The run was taken from under its phases: superseded, out of time, drained, or its lease lost. Never caused by an extension. */
export class RunAborted extends Error {
  readonly reason: AbortCause;
  readonly error: TenonError;

  constructor(reason: AbortCause, error: TenonError) {
    super(error.message);
    this.name = 'RunAborted';
    this.reason = reason;
    this.error = error;
  }
}
