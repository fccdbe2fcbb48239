import { NEUTRAL_POINTS, type Phase, phaseRow } from '@tenon/vocabulary';
import type { MutationPoint, PlanSchema } from './plan.ts';

/** The point of this schema that a manifest's name means; `*.labels` and its like by the driver's own mapping. Null: this plan has none. */
export function resolvePoint(name: string, schema: PlanSchema): MutationPoint | null {
  const neutral = NEUTRAL_POINTS.find((part) => name === `*.${part}`);
  const wanted = neutral === undefined ? name : schema.neutral[neutral];
  return schema.points.find((point) => point.name === wanted) ?? null;
}

/** The declared points that are open in this phase, each once. A phase that only reads the plan opens none. */
export function openPoints(declared: readonly string[], schema: PlanSchema, phase: Phase): readonly MutationPoint[] {
  if (phaseRow(phase).plan === 'read') return [];
  const open = new Set<MutationPoint>();
  for (const name of declared) {
    const point = resolvePoint(name, schema);
    if (point?.openIn.includes(phase)) open.add(point);
  }
  return [...open];
}
