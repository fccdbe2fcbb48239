import type { SandboxRunView } from '@tenon/contract';
import { type RunRecord, type SandboxAndRun, TenonError } from '@tenon/lifecycle';
import { FINAL_RUN_STATUSES } from '@tenon/vocabulary';
import type { Call, Deps } from '../context.ts';
import { loadSandbox, viewSandbox } from './load-sandbox.ts';
import { viewRun } from './read-runs.ts';

/** How long a caller waits for the run that it opens. */
export interface Waiting {
  /** Null: not at all. */
  readonly waitMs: number | null;
  /** Fires when the caller has gone. */
  readonly signal?: AbortSignal;
}
export const NO_WAIT: Waiting = { waitMs: null };

export interface FollowedRun {
  readonly view: SandboxRunView;
  /** False: it goes on. */
  readonly ended: boolean;
}

export const hasEnded = (run: RunRecord): boolean => (FINAL_RUN_STATUSES as readonly string[]).includes(run.status);

/** The sandbox and its run as they stand once the caller has waited long enough; a run that failed meanwhile is thrown as its first error. */
export async function followRun(deps: Deps, call: Call, opened: SandboxAndRun, waiting: Waiting): Promise<FollowedRun> {
  if (waiting.waitMs === null || hasEnded(opened.run)) {
    const [sandbox, run] = await Promise.all([viewSandbox(deps, opened.sandbox), viewRun(deps, opened.run)]);
    return { view: { sandbox, run }, ended: hasEnded(opened.run) };
  }
  const run = await deps.engine.waitForRun(opened.run.id, waiting.waitMs, waiting.signal);
  const ended = hasEnded(run);
  if (ended && run.status !== 'succeeded') throw failureOf(run);
  const [sandbox, view] = await Promise.all([loadSandbox(deps, call, opened.sandbox.id).then((row) => viewSandbox(deps, row)), viewRun(deps, run)]);
  return { view: { sandbox, run: view }, ended };
}

/** The first error of a failed run, as the failure of the request that opened it. */
export function failureOf(run: RunRecord): TenonError {
  const where = { runId: run.id, ...(run.sandboxId === null ? {} : { sandboxId: run.sandboxId }) };
  const error = run.firstError;
  if (error === null) {
    return new TenonError('internal', `run ${run.id} ended ${run.status} without an error on record`, { ...where, hint: 'Look at the trace of the run.' });
  }
  return new TenonError(error.code, error.message, {
    ...where,
    ...(error.extension === null ? {} : { extension: error.extension }),
    ...(error.phase === null ? {} : { phase: error.phase }),
    ...(error.attemptId === null ? {} : { attemptId: error.attemptId }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.path === undefined ? {} : { path: error.path }),
    ...(error.conflictsWith === undefined ? {} : { conflictsWith: error.conflictsWith }),
    ...(error.hookCode === undefined ? {} : { hookCode: error.hookCode }),
  });
}
