import { TenonError } from '@tenon/lifecycle';
import { type Call, callerOf, type Deps } from '../context.ts';
import { act } from '../policy/act.ts';
import { type FollowedRun, followRun, type Waiting } from './follow-run.ts';
import { loadSandbox } from './load-sandbox.ts';

/** Starts a stopped sandbox. One that is ready is answered with its last run, and nothing is called. */
export async function startSandbox(deps: Deps, call: Call, id: string, waiting: Waiting): Promise<FollowedRun> {
  const sandbox = await loadSandbox(deps, call, id);
  const opened = await act(
    deps,
    call,
    {
      action: 'sandbox.start',
      object: { kind: 'sandbox', name: id },
      target: { workspace: sandbox.workspace },
      before: { state: sandbox.state },
      after: (result) => ({ state: result.sandbox.state }),
      runs: ({ run }) => [run],
    },
    () => deps.engine.startSandbox(id, callerOf(call)),
  );
  return followRun(deps, call, opened, waiting);
}

/** Stops a sandbox; its storage stays. */
export async function stopSandbox(deps: Deps, call: Call, id: string, waiting: Waiting): Promise<FollowedRun> {
  const sandbox = await loadSandbox(deps, call, id);
  const opened = await act(
    deps,
    call,
    {
      action: 'sandbox.stop',
      object: { kind: 'sandbox', name: id },
      target: { workspace: sandbox.workspace },
      before: { state: sandbox.state },
      after: (result) => ({ state: result.sandbox.state }),
      runs: ({ run }) => [run],
    },
    () => deps.engine.stopSandbox(id, callerOf(call)),
  );
  return followRun(deps, call, opened, waiting);
}

/** Deletes a sandbox. A forced delete goes on over denials and a backend that does not answer; it takes a reason. */
export async function removeSandbox(
  deps: Deps,
  call: Call,
  id: string,
  options: { readonly force: boolean; readonly reason: string | null },
  waiting: Waiting,
): Promise<FollowedRun> {
  const sandbox = await loadSandbox(deps, call, id);
  if (options.force && options.reason === null) {
    throw new TenonError('validation_failed', 'a forced delete takes a reason', { pointer: '/reason', hint: 'Add ?reason= with one line that says why.' });
  }
  const opened = await act(
    deps,
    call,
    {
      action: 'sandbox.delete',
      object: { kind: 'sandbox', name: id },
      target: { workspace: sandbox.workspace },
      reason: options.reason,
      before: { state: sandbox.state, name: sandbox.name },
      after: (result) => ({ state: result.sandbox.state, force: options.force }),
      runs: ({ run }) => [run],
    },
    () => deps.engine.deleteSandbox(id, callerOf(call), options),
  );
  return followRun(deps, call, opened, waiting);
}
