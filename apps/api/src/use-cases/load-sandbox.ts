import type { SandboxView } from '@tenon/contract';
import type { EffectRecord, RunRecord, SandboxRecord } from '@tenon/lifecycle';
import type { Call, Deps } from '../context.ts';
import { notFound } from '../policy/act.ts';
import { sees } from '../policy/policy.ts';
import { presentSandbox } from '../present/sandbox.ts';

/** The sandbox, or `not_found`: also where the caller may not know of it. */
export async function loadSandbox(deps: Deps, call: Call, id: string): Promise<SandboxRecord> {
  const sandbox = await deps.store.getSandbox(id);
  if (sandbox === null || !sees(call.principal, sandbox.workspace)) throw notFound('sandbox', id);
  return sandbox;
}

export async function loadRun(deps: Deps, call: Call, id: string): Promise<RunRecord> {
  const run = await deps.store.getRun(id);
  if (run === null || !sees(call.principal, run.workspace)) throw notFound('run', id);
  return run;
}

/** The effect and the sandbox that it belongs to. */
export async function loadEffect(deps: Deps, call: Call, id: string): Promise<{ readonly effect: EffectRecord; readonly workspace: string }> {
  const effect = await deps.store.getEffect(id);
  if (effect === null) throw notFound('effect', id);
  const sandbox = await deps.store.getSandbox(effect.sandboxId);
  if (sandbox === null || !sees(call.principal, sandbox.workspace)) throw notFound('effect', id);
  return { effect, workspace: sandbox.workspace };
}

/** Rows with what lists and pages show beside them: the last run and what is owed. */
export async function viewSandboxes(deps: Deps, sandboxes: readonly SandboxRecord[]): Promise<SandboxView[]> {
  if (sandboxes.length === 0) return [];
  const summaries = await deps.store.sandboxSummaries(sandboxes.map((sandbox) => sandbox.id));
  const now = deps.now();
  return sandboxes.map((sandbox) => presentSandbox(sandbox, summaries.get(sandbox.id) ?? { lastRun: null, owed: 0 }, now));
}

export async function viewSandbox(deps: Deps, sandbox: SandboxRecord): Promise<SandboxView> {
  const summaries = await deps.store.sandboxSummaries([sandbox.id]);
  return presentSandbox(sandbox, summaries.get(sandbox.id) ?? { lastRun: null, owed: 0 }, deps.now());
}
