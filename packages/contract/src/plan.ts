import { CHANGE_OPS, OWNER_KINDS } from '@tenon/vocabulary';
import { z } from 'zod';
import { JsonAny, Time } from './primitives.ts';
import { PhaseName } from './problem.ts';

/** One keyed change. Paths are JSON Pointers in which the segment after a keyed list is the element's key. */
export const ChangeView = z.object({
  op: z.enum(CHANGE_OPS),
  path: z.string(),
  /** Null where there was nothing before; a secret stands as `{"$secret": "<id>"}`. */
  before: JsonAny,
  after: JsonAny,
  /** True where the value is hidden: it is, or was, a secret. */
  redacted: z.boolean(),
  /** Null where nobody's hook made it (a comparison of two revisions). */
  by: z.object({ extension: z.string(), revision: z.string(), phase: PhaseName }).nullable(),
  /** The hook's own message, one line. */
  reason: z.string().nullable(),
  /** The extension whose ownership passed on. */
  overrode: z.string().nullable(),
});
export type ChangeView = z.infer<typeof ChangeView>;

export const PlanRevisionView = z.object({
  number: z.number().int(),
  by: z.object({ kind: z.enum(['driver', 'extension']), name: z.string() }),
  phase: PhaseName.nullable(),
  /** SHA-256, hex, of the canonical JSON of the plan at this revision. */
  digest: z.string(),
  changes: z.array(ChangeView),
});
export type PlanRevisionView = z.infer<typeof PlanRevisionView>;

export const PlanView = z.object({
  driver: z.string(),
  revisions: z.array(PlanRevisionView),
  /** The plan at its last revision. */
  value: JsonAny,
  digest: z.string(),
  sealedAt: Time.nullable(),
  /** Late points that an effect would fill, or will. */
  pending: z.array(z.string()),
});
export type PlanView = z.infer<typeof PlanView>;

export const PlanCompareView = z.object({ changes: z.array(ChangeView) });
export type PlanCompareView = z.infer<typeof PlanCompareView>;

/** Two revision numbers: JSON numbers, or text in a query string. */
const Revision = z.preprocess(
  (value: number | string): unknown => (typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value),
  z.number({ error: 'must be the number of a plan revision' }).int().nonnegative(),
);
export const PlanQuery = z
  .strictObject({ from: Revision.optional(), to: Revision.optional() })
  .refine((query) => (query.from === undefined) === (query.to === undefined), 'from and to belong together: give both, or neither');
export type PlanQuery = z.infer<typeof PlanQuery>;

export const PlanCompareQuery = z.strictObject({ from: Revision, to: Revision });
export type PlanCompareQuery = z.infer<typeof PlanCompareQuery>;

export const BlameQuery = z.strictObject({ path: z.string().max(4096) });
export type BlameQuery = z.infer<typeof BlameQuery>;

export const BlameOwnerView = z.object({
  kind: z.enum(OWNER_KINDS),
  name: z.string(),
  phase: PhaseName.nullable(),
  revision: z.string().nullable(),
});
export type BlameOwnerView = z.infer<typeof BlameOwnerView>;

export const BlameView = z.object({
  path: z.string(),
  value: JsonAny,
  owner: BlameOwnerView,
  history: z.array(
    BlameOwnerView.extend({
      op: z.enum(CHANGE_OPS),
      before: JsonAny,
      after: JsonAny,
      redacted: z.boolean(),
      reason: z.string().nullable(),
    }),
  ),
});
export type BlameView = z.infer<typeof BlameView>;
