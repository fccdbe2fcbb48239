import { ATTEMPT_KINDS, OUTCOMES } from '@tenon/vocabulary';
import { z } from 'zod';
import { paging } from './list.ts';
import { ChangeView } from './plan.ts';
import { Id, Millis, Time } from './primitives.ts';
import { ErrorCodeName, PhaseName } from './problem.ts';

/** One call of a hook, of a release or of the driver. */
export const AttemptView = z.object({
  id: Id,
  runId: Id,
  parentId: Id.nullable(),
  kind: z.enum(ATTEMPT_KINDS),
  /** Null for releases and the driver's own calls. */
  phase: PhaseName.nullable(),
  /** Null for the driver's own calls. */
  extension: z.string().nullable(),
  revision: z.string().nullable(),
  /** Order in which the attempts of the run began. */
  seq: z.number().int(),
  /** 1 for the first try. */
  number: z.number().int(),
  outcome: z.enum(OUTCOMES),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  /** `path` is in the plan; `conflictsWith` the other extension of a conflict. */
  error: z
    .object({ code: ErrorCodeName, message: z.string(), hookCode: z.string().optional(), path: z.string().optional(), conflictsWith: z.string().optional() })
    .nullable(),
  startedAt: Time,
  durationMs: Millis,
  changes: z.array(ChangeView),
  /** How many changes it made: `changes` is left empty beyond the first 200 attempts of a run. */
  changeCount: z.number().int(),
  effects: z.array(Id),
  /** What a shadowed attempt would have made: `kind key`. */
  wouldBeEffects: z.array(z.string()),
  warnings: z.array(z.string()),
  logs: z.array(z.object({ at: Time, level: z.string(), message: z.string() })),
  /** The attempt or effect that this one compensates. */
  compensates: Id.nullable(),
  spanId: z.string(),
});
export type AttemptView = z.infer<typeof AttemptView>;

export const AttemptListQuery = z.strictObject(paging);
export type AttemptListQuery = z.infer<typeof AttemptListQuery>;
