import type { BlameView, ChangeView, PlanView } from '@tenon/contract';
import type { AuthoredChange, Change, Json, BlameView as PlanBlame, PlanView as PlanState } from '@tenon/lifecycle';
import { SECRET_REF_KEY } from '@tenon/vocabulary';
import { iso } from './time.ts';

export function presentChange(change: Change | AuthoredChange): ChangeView {
  const authored = 'by' in change ? change : null;
  return {
    op: change.op,
    path: change.path,
    before: change.before ?? null,
    after: change.after ?? null,
    redacted: holdsSecret(change.before) || holdsSecret(change.after),
    by: authored === null ? null : { extension: authored.by.extension, revision: authored.by.revision, phase: authored.by.phase },
    reason: authored?.reason ?? null,
    overrode: authored?.overrode ?? null,
  };
}

export function presentPlan(plan: PlanState): PlanView {
  return {
    driver: plan.driver,
    revisions: plan.revisions.map((revision) => ({
      number: revision.number,
      by: { kind: revision.by.kind, name: revision.by.name },
      phase: revision.phase,
      digest: revision.digest,
      changes: revision.changes.map(presentChange),
    })),
    value: plan.value,
    digest: plan.digest,
    sealedAt: plan.sealedAt === null ? null : iso(plan.sealedAt),
    pending: [...plan.pending],
  };
}

export function presentBlame(blame: PlanBlame): BlameView {
  const { kind, name, phase, revision } = blame.owner;
  return {
    path: blame.path,
    value: blame.value,
    owner: { kind, name, phase, revision },
    history: blame.history.map((entry) => ({
      kind: entry.kind,
      name: entry.name,
      phase: entry.phase,
      revision: entry.revision,
      op: entry.op,
      before: entry.before,
      after: entry.after,
      redacted: holdsSecret(entry.before) || holdsSecret(entry.after),
      reason: entry.reason,
    })),
  };
}

/** Whether a secret reference stands anywhere in the value: its text is nowhere, but people are told that something is hidden. */
function holdsSecret(value: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(holdsSecret);
  return typeof value[SECRET_REF_KEY] === 'string' || Object.values(value).some(holdsSecret);
}
