import type { AttemptView, ChangeView, PlanRevisionView, PlanView } from '@tenon/contract';

/** One stop on the way from the request to the sealed plan. */
export type SequenceItem =
  | { readonly kind: 'requested'; readonly id: string; readonly revision: PlanRevisionView; readonly phase: null }
  | {
      readonly kind: 'changed';
      readonly id: string;
      readonly phase: string;
      readonly extension: string;
      readonly version: string | null;
      readonly from: number;
      readonly to: number;
      readonly changes: readonly ChangeView[];
      readonly reason: string | null;
      readonly attemptId: string | null;
    }
  | {
      readonly kind: 'refused';
      readonly id: string;
      readonly phase: string;
      readonly extension: string;
      readonly version: string | null;
      readonly kept: number;
      readonly attempt: AttemptView;
    }
  | {
      readonly kind: 'shadow';
      readonly id: string;
      readonly phase: string;
      readonly extension: string;
      readonly version: string | null;
      readonly attempt: AttemptView;
    }
  | { readonly kind: 'sealed'; readonly id: string; readonly phase: null; readonly number: number };

/**
 * The plan's way in the order in which it happened. Revisions say what was applied; the attempts of the run, where they are at
 * hand, add what was refused and what would have been done in shadow.
 */
export function planSequence(plan: Pick<PlanView, 'revisions' | 'sealedAt'>, attempts: readonly AttemptView[]): SequenceItem[] {
  const [first, ...later] = plan.revisions;
  if (!first) return [];
  const items: SequenceItem[] = [{ kind: 'requested', id: 'r0', revision: first, phase: null }];
  const pending = [...later];
  let number = first.number;
  const apply = (revision: PlanRevisionView, attempt: AttemptView | null) => {
    items.push({
      kind: 'changed',
      id: `r${revision.number}`,
      phase: revision.phase ?? 'prepare_plan',
      extension: revision.by.name,
      version: revision.changes[0]?.by?.revision ?? attempt?.revision ?? null,
      from: number,
      to: revision.number,
      changes: revision.changes,
      reason: attempt?.message ?? revision.changes.find((change) => change.reason !== null)?.reason ?? null,
      attemptId: attempt?.id ?? null,
    });
    number = revision.number;
  };
  for (const attempt of [...attempts].sort((a, b) => a.seq - b.seq)) {
    if (attempt.kind !== 'hook' || attempt.phase === null || attempt.extension === null) continue;
    const common = { phase: attempt.phase, extension: attempt.extension, version: attempt.revision, attempt };
    if (attempt.outcome === 'changed') {
      const at = pending.findIndex((revision) => revision.by.name === attempt.extension && revision.phase === attempt.phase);
      if (at >= 0) for (const revision of pending.splice(0, at + 1)) apply(revision, revision.by.name === attempt.extension ? attempt : null);
    } else if (attempt.outcome === 'shadowed' && (attempt.changes.length > 0 || attempt.error !== null))
      items.push({ kind: 'shadow', id: attempt.id, ...common });
    else if (attempt.error !== null && attempt.outcome !== 'shadowed') items.push({ kind: 'refused', id: attempt.id, kept: number, ...common });
  }
  for (const revision of pending) apply(revision, null);
  if (plan.sealedAt !== null) items.push({ kind: 'sealed', id: 'sealed', phase: null, number });
  return items;
}
