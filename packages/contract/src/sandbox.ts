import { ACTIVATION_MODES, OPERATIONS, RUN_STATUSES, SANDBOX_STATES } from '@tenon/vocabulary';
import { z } from 'zod';
import { anyOf, paging, period } from './list.ts';
import { PlanView } from './plan.ts';
import { ClaimsView, Count, DriverName, Id, JsonMembers, Millis, SandboxName, Time } from './primitives.ts';
import { PhaseName } from './problem.ts';
import { RunView } from './run.ts';

const Quantity = z.string().min(1).max(32);
/** Plain text, or text that the caller marks secret whatever its name: it is stored encrypted and never shown. */
const EnvironmentValue = z.union([z.string(), z.strictObject({ secret: z.string() })], {
  error: 'must be text, or {"secret": "<text>"}',
});
const Environment = z.record(z.string().min(1).max(256), EnvironmentValue);

export const SandboxTemplateBody = z.strictObject({
  /** Ignored by `process`, required elsewhere. */
  image: z.string().min(1).max(512).nullish(),
  labels: z.record(z.string().min(1).max(256), z.string().max(4096)).default({}),
  environment: Environment.default({}),
  resources: z
    .strictObject({
      cpuRequest: Quantity.optional(),
      cpuLimit: Quantity.optional(),
      memoryRequest: Quantity.optional(),
      memoryLimit: Quantity.optional(),
    })
    .default({}),
  /** Keyed by driver name; each block is the inner object. */
  driverConfig: z.record(z.string().min(1).max(128), JsonMembers).default({}),
  platformConfig: JsonMembers.default({}),
});
export type SandboxTemplateBody = z.infer<typeof SandboxTemplateBody>;

export const SandboxCreateBody = z.strictObject({
  name: SandboxName,
  workspace: SandboxName.default('default'),
  driver: DriverName,
  template: SandboxTemplateBody.prefault({}),
  command: z.array(z.string().max(32_768)).max(1024).default([]),
  environment: Environment.default({}),
  gpu: z
    .strictObject({ count: z.number().int().min(1).max(64) })
    .nullable()
    .default(null),
  tty: z.boolean().default(false),
  /** Must equal the caller's own, unless the token may assert claims. */
  claims: ClaimsView.nullable().default(null),
  /** Per extension, keys that its activation names settable. */
  extensionConfig: z.record(z.string().min(1).max(128), JsonMembers).default({}),
});
export type SandboxCreateBody = z.infer<typeof SandboxCreateBody>;

export const SandboxView = z.object({
  id: Id,
  name: z.string(),
  workspace: z.string(),
  driver: z.object({ name: z.string(), chain: z.array(z.string()) }),
  state: z.enum(SANDBOX_STATES),
  stateReason: z.object({ code: z.string(), message: z.string(), exitCode: z.number().int().nullable() }).nullable(),
  /** The extension that a run is waiting for now, and for how long. */
  blockedBy: z.object({ extension: z.string(), phase: PhaseName, sinceMs: Millis }).nullable(),
  createdAt: Time,
  lastRun: z.object({ id: Id, operation: z.enum(OPERATIONS), status: z.enum(RUN_STATUSES) }).nullable(),
  /** Effects whose release is still owed. */
  owed: Count,
});
export type SandboxView = z.infer<typeof SandboxView>;

/** What everything that opens a run answers. */
export const SandboxRunView = z.object({ sandbox: SandboxView, run: RunView });
export type SandboxRunView = z.infer<typeof SandboxRunView>;

/** What a dry run answers; `plan` is null where the run failed before the driver planned. */
export const DryRunView = z.object({ plan: PlanView.nullable(), run: RunView });
export type DryRunView = z.infer<typeof DryRunView>;

/** The frozen decision about one sandbox's extensions. */
export const ActivationRecordView = z.object({
  decidedAt: Time,
  claimsSource: z.string(),
  extensions: z.array(
    z.object({
      name: z.string(),
      revision: z.string(),
      activationId: Id.nullable(),
      order: z.number().int(),
      mode: z.enum(ACTIVATION_MODES),
      percentage: z.number(),
      configDigest: z.string(),
      /** One line for people. */
      why: z.string(),
      grantedBy: z.string().nullable(),
      required: z.boolean(),
      claims: ClaimsView,
      failurePolicy: z.partialRecord(PhaseName, z.enum(['fail', 'warn', 'record'])),
    }),
  ),
  /** Considered and not run, each with its reason. */
  passedOver: z.array(z.object({ name: z.string(), reason: z.string() })),
});
export type ActivationRecordView = z.infer<typeof ActivationRecordView>;

export const SandboxListQuery = z.strictObject({
  ...paging,
  ...period,
  /** Absent: all but deleted ones. */
  state: anyOf(SANDBOX_STATES).optional(),
  driver: DriverName.optional(),
  workspace: z.string().min(1).optional(),
  /** Sandboxes whose activation record holds it. */
  extension: z.string().min(1).optional(),
  name: z.string().min(1).optional(),
});
export type SandboxListQuery = z.infer<typeof SandboxListQuery>;

export const LogsView = z.object({ text: z.string() });
export type LogsView = z.infer<typeof LogsView>;

/** Lines from the end of the workload's log. */
export const Tail = z
  .preprocess(
    (value: number | string): unknown => (typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value),
    z.number({ error: 'must be a whole number from 1 to 10000' }).int().min(1).max(10_000),
  )
  .default(200);
export const LogsQuery = z.strictObject({ tail: Tail });
export type LogsQuery = z.infer<typeof LogsQuery>;
