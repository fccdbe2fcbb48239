import type { Phase } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import type { Json } from '../json.ts';
import { applyChanges } from './apply-changes.ts';
import type { AuthoredChange, PlanRevision, PlanSchema } from './plan.ts';
import { planDigest } from './plan-digest.ts';

/** The plan at revision `upTo`: the driver's value with every later change list applied. Throws `not_found` where there is no such revision. */
export function rebuild(revisions: readonly PlanRevision[], upTo: number, schema: PlanSchema): Json {
  const wanted = revisions.filter((revision) => revision.number <= upTo).sort((a, b) => a.number - b.number);
  const first = wanted[0];
  if (first === undefined || first.number !== 0 || first.value === null || wanted.at(-1)?.number !== upTo) {
    throw new TenonError('not_found', `This plan has no revision ${upTo}`, {
      hint: `It has the revisions ${revisions.map((revision) => revision.number).join(', ') || 'none'}.`,
    });
  }
  let value: Json = first.value;
  for (const revision of wanted.slice(1)) value = applyChanges(value, revision.changes, schema);
  return value;
}

/** A revision as it is recorded. `value` is the whole plan; only revision 0 keeps it. */
export function makeRevision(input: {
  readonly number: number;
  readonly by: PlanRevision['by'];
  readonly phase: Phase | null;
  readonly value: Json;
  readonly changes: readonly AuthoredChange[];
}): PlanRevision {
  return {
    number: input.number,
    by: input.by,
    phase: input.phase,
    digest: planDigest(input.value),
    value: input.number === 0 ? input.value : null,
    changes: input.changes,
  };
}
