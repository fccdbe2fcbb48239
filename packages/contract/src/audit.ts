import { AUDIT_OUTCOMES } from '@tenon/vocabulary';
import { z } from 'zod';
import { paging, period } from './list.ts';
import { Id, JsonAny, Time } from './primitives.ts';

/** A change that was made, or one that was refused. */
export const AuditView = z.object({
  id: Id,
  at: Time,
  actor: z.string(),
  action: z.string(),
  object: z.object({ kind: z.string(), name: z.string() }),
  outcome: z.enum(AUDIT_OUTCOMES),
  reason: z.string().nullable(),
  before: JsonAny,
  after: JsonAny,
  requestId: z.string(),
  /** Runs that it caused. */
  runIds: z.array(Id),
});
export type AuditView = z.infer<typeof AuditView>;

export const AuditListQuery = z.strictObject({
  ...paging,
  ...period,
  actor: z.string().min(1).optional(),
  action: z.string().min(1).optional(),
  objectKind: z.string().min(1).optional(),
  objectName: z.string().min(1).optional(),
  runId: Id.optional(),
});
export type AuditListQuery = z.infer<typeof AuditListQuery>;
