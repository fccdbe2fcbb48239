import type { ActivationListQuery, ActivationPreviewBody, ActivationPreviewView, ActivationView, ListOf } from '@tenon/contract';
import type { ActivationCandidate, ActivationRow } from '@tenon/lifecycle';
import { type Call, callerOf, type Deps } from '../context.ts';
import { allow } from '../policy/act.ts';
import { seesAny } from '../policy/policy.ts';
import { presentActivation, presentPreview } from '../present/activation.ts';
import { changeOf, inputOf, loadActivation } from './change-activation.ts';
import { byKey, pageInMemory } from './page-in-memory.ts';

// The effective order: order, then the extension's name. The id only makes it total.
const keyOf = (row: ActivationRow) => [row.order, row.extension, row.id];

/** In effective order. */
export async function listActivations(deps: Deps, call: Call, query: ActivationListQuery): Promise<ListOf<ActivationView>> {
  await allow(deps, call, 'activation.read', { kind: 'activation', name: '*' });
  const { driver, workspace, extension, mode } = query;
  const rows = (await deps.store.listActivations()).filter(
    (row) =>
      seesAny(call.principal, row.scope.workspaces) &&
      (extension === undefined || row.extension === extension) &&
      (mode === undefined || row.mode === mode) &&
      (driver === undefined || row.scope.drivers === null || row.scope.drivers.includes(driver)) &&
      (workspace === undefined || row.scope.workspaces === null || row.scope.workspaces.includes(workspace)),
  );
  const page = pageInMemory(rows.sort(byKey(keyOf)), keyOf, query);
  return { items: page.items.map(presentActivation), next: page.next };
}

export async function getActivation(deps: Deps, call: Call, id: string): Promise<ActivationView> {
  await allow(deps, call, 'activation.read', { kind: 'activation', name: id });
  return presentActivation(await loadActivation(deps, call, id));
}

/** What a change would do, before anyone makes it: drivers, recent requests replayed, live sandboxes. */
export async function previewActivation(deps: Deps, call: Call, body: ActivationPreviewBody): Promise<ActivationPreviewView> {
  const candidate = candidateOf(body);
  const scope = await scopeOf(deps, call, candidate);
  await allow(deps, call, 'activation.preview', { kind: 'activation', name: 'id' in body ? body.id : body.extension }, { workspaces: scope });
  return presentPreview(await deps.engine.previewActivation(candidate, callerOf(call)));
}

function candidateOf(body: ActivationPreviewBody): ActivationCandidate {
  if (!('id' in body)) return { kind: 'new', input: inputOf({ ...body, reason: body.reason ?? 'preview' }) };
  if ('delete' in body) return { kind: 'delete', id: body.id };
  return { kind: 'change', id: body.id, change: changeOf({ ...body.change, reason: body.change.reason ?? 'preview' }) };
}

/** Workspaces that a preview replays requests of: those of the row as it is, where it has one. */
async function scopeOf(deps: Deps, call: Call, candidate: ActivationCandidate): Promise<readonly string[] | null> {
  if (candidate.kind === 'new') return candidate.input.scope.workspaces;
  const row = await loadActivation(deps, call, candidate.id);
  const next = candidate.kind === 'change' && candidate.change.scope !== undefined ? candidate.change.scope.workspaces : row.scope.workspaces;
  return next === null || row.scope.workspaces === null ? null : [...new Set([...next, ...row.scope.workspaces])];
}
