import type { ActivationPreviewView, ActivationView } from '@tenon/contract';
import type { ActivationPreview, ActivationRow } from '@tenon/lifecycle';
import { presentChange } from './plan.ts';
import { iso } from './time.ts';

export function presentActivation(row: ActivationRow): ActivationView {
  return {
    id: row.id,
    extension: row.extension,
    revision: row.revision,
    scope: {
      ...(row.scope.drivers === null ? {} : { drivers: [...row.scope.drivers] }),
      ...(row.scope.workspaces === null ? {} : { workspaces: [...row.scope.workspaces] }),
    },
    mode: row.mode,
    percentage: row.percentage,
    order: row.order,
    config: row.config,
    requestSettable: [...row.requestSettable],
    overrides: row.overrides.map(({ extension, path }) => ({ extension, path })),
    grant:
      row.grant === null
        ? null
        : {
            ...(row.grant.workspaces === null ? {} : { workspaces: [...row.grant.workspaces] }),
            ...(row.grant.roles === null ? {} : { roles: [...row.grant.roles] }),
          },
    failurePolicy: { ...row.failurePolicy },
    reason: row.reason,
    version: row.version,
    createdAt: iso(row.createdAt),
    updatedAt: iso(row.updatedAt),
    actor: row.actor,
  };
}

export function presentPreview(preview: ActivationPreview): ActivationPreviewView {
  const { requests, live } = preview;
  return {
    drivers: preview.drivers.map(({ driver, state, reasons }) => ({ driver, state, reasons: [...reasons] })),
    requests: {
      replayed: requests.replayed,
      changed: requests.changed,
      conflicts: requests.conflicts,
      refused: requests.refused,
      truncated: requests.truncated,
      samples: requests.samples.map((sample) => ({
        sandboxName: sample.sandboxName,
        runId: sample.runId,
        changes: sample.changes.map(presentChange),
        error: sample.error === null ? null : { code: sample.error.code, message: sample.error.message },
      })),
    },
    live: {
      sandboxes: live.sandboxes,
      owedCleanups: live.owedCleanups,
      samples: live.samples.map(({ sandboxId, name, mode, owed }) => ({ sandboxId, name, mode, owed })),
    },
  };
}

/** The ETag of a version. */
export const etagOf = (version: number): string => `"${version}"`;
