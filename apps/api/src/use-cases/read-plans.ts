import type { BlameView, PlanCompareView, PlanView } from '@tenon/contract';
import type { Call, Deps } from '../context.ts';
import { allow, notFound } from '../policy/act.ts';
import { presentBlame, presentChange, presentPlan } from '../present/plan.ts';
import { loadRun, loadSandbox } from './load-sandbox.ts';

export async function getPlan(deps: Deps, call: Call, sandboxId: string): Promise<PlanView> {
  await allow(deps, call, 'sandbox.read', { kind: 'sandbox', name: sandboxId });
  await loadSandbox(deps, call, sandboxId);
  return presentPlan(await deps.engine.plan(sandboxId));
}

/** The plan that a run made or changed: for dry runs the only way to it. `not_found` where it failed before it had one. */
export async function getPlanOfRun(deps: Deps, call: Call, runId: string): Promise<PlanView> {
  await allow(deps, call, 'run.read', { kind: 'run', name: runId });
  await loadRun(deps, call, runId);
  const plan = await deps.engine.planOfRun(runId);
  if (plan === null) throw notFound('plan of run', runId);
  return presentPlan(plan);
}

/** What differs between two revisions of a sandbox's plan. */
export async function comparePlan(deps: Deps, call: Call, sandboxId: string, from: number, to: number): Promise<PlanCompareView> {
  await allow(deps, call, 'sandbox.read', { kind: 'sandbox', name: sandboxId });
  await loadSandbox(deps, call, sandboxId);
  const changes = await deps.engine.compare(sandboxId, from, to);
  return { changes: changes.map(presentChange) };
}

/** Who made one field of the plan what it is. */
export async function blamePlan(deps: Deps, call: Call, sandboxId: string, path: string): Promise<BlameView> {
  await allow(deps, call, 'sandbox.read', { kind: 'sandbox', name: sandboxId });
  await loadSandbox(deps, call, sandboxId);
  return presentBlame(await deps.engine.blame(sandboxId, path));
}
