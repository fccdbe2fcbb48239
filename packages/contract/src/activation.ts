import { ACTIVATION_MODES, CAPABILITY_STATES, ROLES } from '@tenon/vocabulary';
import { z } from 'zod';
import { paging } from './list.ts';
import { ChangeView } from './plan.ts';
import { Count, DriverName, ExtensionName, Id, JsonMembers, Reason, Time, WorkspaceRef } from './primitives.ts';
import { PhaseName } from './problem.ts';

// Fields without their defaults, because a PATCH takes the same ones and an absent field must stay absent there.
const fields = {
  revision: z.string().min(1).max(128),
  scope: z.strictObject({
    /** Names that requests use; absent: any driver. */
    drivers: z.array(DriverName).min(1, 'must name at least one driver; leave it out for any').nullish(),
    workspaces: z.array(WorkspaceRef).min(1, 'must name at least one workspace; leave it out for any').nullish(),
  }),
  mode: z.enum(ACTIVATION_MODES, { error: `must be one of ${ACTIVATION_MODES.join(', ')}` }),
  percentage: z.number().min(0).max(100),
  order: z.number().int().min(-1_000_000).max(1_000_000),
  config: JsonMembers,
  requestSettable: z.array(z.string().min(1).max(256)),
  overrides: z.array(z.strictObject({ extension: ExtensionName, path: z.string().regex(/^(\/.*)?$/, 'must be a JSON Pointer') })),
  /** Who may ask for an on-request one; null: nobody. A list absent: any. */
  grant: z
    .strictObject({
      workspaces: z.array(WorkspaceRef).nullish(),
      roles: z.array(z.enum(ROLES)).nullish(),
    })
    .nullable(),
  failurePolicy: z.partialRecord(PhaseName, z.enum(['fail', 'warn'])),
};

/** A new activation. */
export const ActivationBody = z.strictObject({
  extension: ExtensionName,
  /** Absent: the latest when saved, pinned from then on. */
  revision: fields.revision.nullish(),
  scope: fields.scope.default({}),
  mode: fields.mode,
  percentage: fields.percentage.default(100),
  order: fields.order.default(1000),
  config: fields.config.default({}),
  requestSettable: fields.requestSettable.default([]),
  overrides: fields.overrides.default([]),
  grant: fields.grant.default(null),
  failurePolicy: fields.failurePolicy.default({}),
  reason: Reason,
});
export type ActivationBody = z.infer<typeof ActivationBody>;

const change = {
  revision: fields.revision.optional(),
  scope: fields.scope.optional(),
  mode: fields.mode.optional(),
  percentage: fields.percentage.optional(),
  order: fields.order.optional(),
  config: fields.config.optional(),
  requestSettable: fields.requestSettable.optional(),
  overrides: fields.overrides.optional(),
  grant: fields.grant.optional(),
  failurePolicy: fields.failurePolicy.optional(),
};

/** A change: what is named is replaced whole, the rest stays. */
export const ActivationPatch = z.strictObject({ ...change, reason: Reason });
export type ActivationPatch = z.infer<typeof ActivationPatch>;

export const ActivationView = z.object({
  id: Id,
  extension: z.string(),
  revision: z.string(),
  scope: z.object({ drivers: z.array(z.string()).optional(), workspaces: z.array(z.string()).optional() }),
  mode: z.enum(ACTIVATION_MODES),
  percentage: z.number(),
  order: z.number().int(),
  config: JsonMembers,
  requestSettable: z.array(z.string()),
  overrides: z.array(z.object({ extension: z.string(), path: z.string() })),
  grant: z.object({ workspaces: z.array(z.string()).optional(), roles: z.array(z.enum(ROLES)).optional() }).nullable(),
  failurePolicy: z.partialRecord(PhaseName, z.enum(['fail', 'warn'])),
  reason: z.string(),
  /** Its ETag is this number in quotes. */
  version: z.number().int(),
  createdAt: Time,
  updatedAt: Time,
  actor: z.string(),
});
export type ActivationView = z.infer<typeof ActivationView>;

/** What would this change? A new activation, a change of one, or its removal; the reason may come later. */
export const ActivationPreviewBody = z.union([
  ActivationBody.extend({ reason: z.string().optional() }),
  z.strictObject({ id: Id, change: z.strictObject({ ...change, reason: z.string().optional() }) }),
  z.strictObject({ id: Id, delete: z.literal(true) }),
]);
export type ActivationPreviewBody = z.infer<typeof ActivationPreviewBody>;

export const ActivationPreviewView = z.object({
  drivers: z.array(z.object({ driver: z.string(), state: z.enum(CAPABILITY_STATES), reasons: z.array(z.string()) })),
  requests: z.object({
    replayed: Count,
    changed: Count,
    conflicts: Count,
    refused: Count,
    truncated: z.boolean(),
    samples: z.array(
      z.object({
        sandboxName: z.string(),
        runId: Id,
        changes: z.array(ChangeView),
        error: z.object({ code: z.string(), message: z.string() }).nullable(),
      }),
    ),
  }),
  live: z.object({
    sandboxes: Count,
    owedCleanups: Count,
    samples: z.array(z.object({ sandboxId: Id, name: z.string(), mode: z.enum(ACTIVATION_MODES), owed: Count })),
  }),
});
export type ActivationPreviewView = z.infer<typeof ActivationPreviewView>;

export const ActivationListQuery = z.strictObject({
  ...paging,
  extension: z.string().min(1).optional(),
  mode: z.enum(ACTIVATION_MODES).optional(),
  /** Activations whose scope takes in this driver. */
  driver: DriverName.optional(),
  workspace: z.string().min(1).optional(),
});
export type ActivationListQuery = z.infer<typeof ActivationListQuery>;
