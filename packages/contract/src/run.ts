import { OPERATIONS, RUN_STATUSES, STEP_STATES, WAITING_FOR } from '@tenon/vocabulary';
import { z } from 'zod';
import { AttemptView } from './attempt.ts';
import { EffectView } from './effect.ts';
import { anyOf, paging, period } from './list.ts';
import { Count, DriverName, Id, Time } from './primitives.ts';
import { ErrorCodeName, PhaseName } from './problem.ts';

export const FirstErrorView = z.object({
  code: ErrorCodeName,
  message: z.string(),
  extension: z.string().nullable(),
  phase: PhaseName.nullable(),
  attemptId: Id.nullable(),
  hint: z.string().optional(),
  path: z.string().optional(),
  conflictsWith: z.string().optional(),
  hookCode: z.string().optional(),
});
export type FirstErrorView = z.infer<typeof FirstErrorView>;

/** A run as lists show it. */
export const RunSummaryView = z.object({
  id: Id,
  /** Null for a dry run. */
  sandboxId: Id.nullable(),
  sandboxName: z.string(),
  workspace: z.string(),
  driver: z.string(),
  operation: z.enum(OPERATIONS),
  status: z.enum(RUN_STATUSES),
  waitingFor: z.enum(WAITING_FOR).nullable(),
  force: z.boolean(),
  reason: z.string().nullable(),
  actor: z.string(),
  requestId: z.string(),
  startedAt: Time,
  endedAt: Time.nullable(),
  firstError: FirstErrorView.nullable(),
  /** 32 hex digits. */
  traceId: z.string(),
  attemptCount: Count,
});
export type RunSummaryView = z.infer<typeof RunSummaryView>;

/** One run with its trace: the first 200 attempts inline, the rest by `/runs/{id}/attempts`. */
export const RunView = RunSummaryView.extend({
  attempts: z.array(AttemptView),
  effects: z.array(EffectView),
  steps: z.array(z.object({ name: z.string(), state: z.enum(STEP_STATES), at: Time })),
});
export type RunView = z.infer<typeof RunView>;

export const RunListQuery = z.strictObject({
  ...paging,
  ...period,
  status: anyOf(RUN_STATUSES).optional(),
  operation: anyOf(OPERATIONS).optional(),
  sandboxId: Id.optional(),
  driver: DriverName.optional(),
  workspace: z.string().min(1).optional(),
  extension: z.string().min(1).optional(),
  phase: PhaseName.optional(),
  /** Code of the first error. */
  code: ErrorCodeName.optional(),
});
export type RunListQuery = z.infer<typeof RunListQuery>;
