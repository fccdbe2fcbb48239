import { EFFECT_SCOPES, EFFECT_STATES } from '@tenon/vocabulary';
import { z } from 'zod';
import { anyOf, paging, period } from './list.ts';
import { Count, DriverName, Id, JsonAny, Reason, Time } from './primitives.ts';
import { PhaseName } from './problem.ts';

/** Something made outside the plan, as the ledger has it. */
export const EffectView = z.object({
  id: Id,
  kind: z.string(),
  key: z.string(),
  handle: JsonAny,
  state: z.enum(EFFECT_STATES),
  scope: z.enum(EFFECT_SCOPES),
  /** Null: the driver's own. */
  extension: z.string().nullable(),
  phase: PhaseName.nullable(),
  sandboxId: Id,
  runId: Id,
  /** The attempt that made it. */
  attemptId: Id.nullable(),
  /** Releases tried. */
  attempts: Count,
  lastError: z.object({ code: z.string(), message: z.string() }).nullable(),
  nextRetryAt: Time.nullable(),
  createdAt: Time,
  releasedAt: Time.nullable(),
  waivedReason: z.string().nullable(),
});
export type EffectView = z.infer<typeof EffectView>;

export const EffectWaiveBody = z.strictObject({ reason: Reason });
export type EffectWaiveBody = z.infer<typeof EffectWaiveBody>;

export const EffectListQuery = z.strictObject({
  ...paging,
  ...period,
  state: anyOf(EFFECT_STATES).optional(),
  driver: DriverName.optional(),
  workspace: z.string().min(1).optional(),
  sandboxId: Id.optional(),
  runId: Id.optional(),
  extension: z.string().min(1).optional(),
  phase: PhaseName.optional(),
  /** Code of the last release error. */
  code: z.string().min(1).optional(),
});
export type EffectListQuery = z.infer<typeof EffectListQuery>;
