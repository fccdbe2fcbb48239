import type { ActivationBody, ActivationPatch, ActivationView } from '@tenon/contract';
import { type ActivationInput, type ActivationRow, type Json, TenonError } from '@tenon/lifecycle';
import { type Call, callerOf, type Deps } from '../context.ts';
import { defined } from '../defined.ts';
import { act, notFound } from '../policy/act.ts';
import { seesAny } from '../policy/policy.ts';
import { etagOf, presentActivation } from '../present/activation.ts';

export async function createActivation(deps: Deps, call: Call, body: ActivationBody): Promise<ActivationView> {
  const input = inputOf(body);
  const row = await act(
    deps,
    call,
    {
      action: 'activation.create',
      object: { kind: 'activation', name: body.extension },
      named: ({ id }) => id,
      target: { workspaces: input.scope.workspaces },
      reason: body.reason,
      after: kept,
    },
    () => deps.engine.createActivation(input, callerOf(call)),
  );
  return presentActivation(row);
}

/** `version` is the one that the caller saw: where another one is saved meanwhile, `precondition_failed` with what is saved now. */
export async function updateActivation(deps: Deps, call: Call, id: string, version: number, patch: ActivationPatch): Promise<ActivationView> {
  const before = await loadActivation(deps, call, id);
  const change = changeOf(patch);
  const row = await act(
    deps,
    call,
    {
      action: 'activation.update',
      object: { kind: 'activation', name: id },
      target: { workspaces: union(before.scope.workspaces, change.scope === undefined ? before.scope.workspaces : change.scope.workspaces) },
      reason: patch.reason,
      before: kept(before),
      after: kept,
    },
    () => orCurrent(deps, id, deps.engine.updateActivation(id, change, version, callerOf(call))),
  );
  return presentActivation(row);
}

/** `version` null: whatever is saved now. */
export async function removeActivation(deps: Deps, call: Call, id: string, version: number | null, reason: string): Promise<ActivationView> {
  const before = await loadActivation(deps, call, id);
  const row = await act(
    deps,
    call,
    {
      action: 'activation.delete',
      object: { kind: 'activation', name: id },
      target: { workspaces: before.scope.workspaces },
      reason,
      before: kept(before),
    },
    () => orCurrent(deps, id, deps.engine.deleteActivation(id, version ?? before.version, reason, callerOf(call))),
  );
  return presentActivation(row);
}

export function inputOf(body: ActivationBody): ActivationInput {
  return {
    extension: body.extension,
    revision: body.revision ?? null,
    scope: scopeOf(body.scope),
    mode: body.mode,
    percentage: body.percentage,
    order: body.order,
    config: body.config,
    requestSettable: body.requestSettable,
    overrides: body.overrides,
    grant: grantOf(body.grant),
    failurePolicy: defined(body.failurePolicy),
    reason: body.reason,
  };
}

/** Only what the patch names. */
export function changeOf(patch: Omit<ActivationPatch, 'reason'> & { reason?: string | undefined }): Partial<ActivationInput> {
  return defined({
    revision: patch.revision,
    scope: patch.scope === undefined ? undefined : scopeOf(patch.scope),
    mode: patch.mode,
    percentage: patch.percentage,
    order: patch.order,
    config: patch.config,
    requestSettable: patch.requestSettable,
    overrides: patch.overrides,
    grant: patch.grant === undefined ? undefined : grantOf(patch.grant),
    failurePolicy: patch.failurePolicy === undefined ? undefined : defined(patch.failurePolicy),
    reason: patch.reason,
  });
}

const scopeOf = (scope: ActivationBody['scope']): ActivationInput['scope'] => ({ drivers: scope.drivers ?? null, workspaces: scope.workspaces ?? null });
const grantOf = (grant: ActivationBody['grant']): ActivationInput['grant'] =>
  grant === null ? null : { workspaces: grant.workspaces ?? null, roles: grant.roles ?? null };
const union = (a: readonly string[] | null, b: readonly string[] | null) => (a === null || b === null ? null : [...new Set([...a, ...b])]);

/** What the audit keeps of an activation. Its config is the operator's own and holds no secret of a sandbox. */
function kept(row: ActivationRow): Json {
  const { id, extension, revision, scope, mode, percentage, order, config, requestSettable, overrides, grant, failurePolicy, version } = presentActivation(row);
  return {
    id,
    extension,
    revision,
    scope: defined(scope),
    mode,
    percentage,
    order,
    config,
    requestSettable,
    overrides,
    grant: grant === null ? null : defined(grant),
    failurePolicy: defined(failurePolicy),
    version,
  };
}

/** The activation, or `not_found`: also where it concerns only workspaces that the caller may not know of. */
export async function loadActivation(deps: Deps, call: Call, id: string): Promise<ActivationRow> {
  const row = await deps.store.getActivation(id);
  if (row === null || !seesAny(call.principal, row.scope.workspaces)) throw notFound('activation', id);
  return row;
}

/** A lost race tells what is saved now, its ETag, who saved it and why. */
async function orCurrent(deps: Deps, id: string, work: Promise<ActivationRow>): Promise<ActivationRow> {
  try {
    return await work;
  } catch (thrown) {
    if (!(thrown instanceof TenonError) || thrown.code !== 'precondition_failed') throw thrown;
    const saved = await deps.store.getActivation(id);
    if (saved === null) throw notFound('activation', id);
    throw new TenonError(thrown.code, `activation ${id} was changed by ${saved.actor} meanwhile: it is at version ${saved.version}`, {
      ...thrown.context,
      hint: 'Look at what is saved now, and send the change again with its ETag.',
      current: { ...presentActivation(saved), etag: etagOf(saved.version) },
    });
  }
}
