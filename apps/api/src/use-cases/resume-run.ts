import type { RunView } from '@tenon/contract';
import { type Call, callerOf, type Deps } from '../context.ts';
import { act } from '../policy/act.ts';
import { failureOf, hasEnded, type Waiting } from './follow-run.ts';
import { loadRun } from './load-sandbox.ts';
import { viewRun } from './read-runs.ts';

/** Settles an interrupted run at once instead of at the next tick; `run_not_resumable` where it is not interrupted. */
export async function resumeRun(deps: Deps, call: Call, id: string, waiting: Waiting): Promise<{ readonly view: RunView; readonly ended: boolean }> {
  const before = await loadRun(deps, call, id);
  const resumed = await act(
    deps,
    call,
    {
      action: 'run.resume',
      object: { kind: 'run', name: id },
      target: { workspace: before.workspace },
      before: { status: before.status },
      after: (run) => ({ status: run.status }),
      runs: (run) => [run],
    },
    () => deps.engine.resumeRun(id, callerOf(call)),
  );
  if (waiting.waitMs === null || hasEnded(resumed)) return { view: await viewRun(deps, resumed), ended: hasEnded(resumed) };
  const run = await deps.engine.waitForRun(id, waiting.waitMs, waiting.signal);
  if (hasEnded(run) && run.status !== 'succeeded') throw failureOf(run);
  return { view: await viewRun(deps, run), ended: hasEnded(run) };
}
