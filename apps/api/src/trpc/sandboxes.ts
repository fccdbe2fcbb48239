import {
  ActivationRecordView,
  BlameQuery,
  BlameView,
  DryRunView,
  LogsQuery,
  LogsView,
  listOf,
  PlanCompareQuery,
  PlanCompareView,
  PlanView,
  SandboxCreateBody,
  SandboxListQuery,
  SandboxRunView,
  SandboxView,
} from '@tenon/contract';
import { removeSandbox, startSandbox, stopSandbox } from '../use-cases/change-sandbox.ts';
import { createSandbox, dryRunSandbox } from '../use-cases/create-sandbox.ts';
import { NO_WAIT } from '../use-cases/follow-run.ts';
import { blamePlan, comparePlan, getPlan, getPlanOfRun } from '../use-cases/read-plans.ts';
import { getActivationRecord, getSandbox, listSandboxes, readLogs } from '../use-cases/read-sandboxes.ts';
import { procedure, router } from './base.ts';
import { ById, ByRun, Removal } from './inputs.ts';

/** What opens a run answers at once; the page follows it by events. */
export const sandboxes = router({
  list: procedure
    .input(SandboxListQuery)
    .output(listOf(SandboxView))
    .query(({ ctx, input }) => listSandboxes(ctx.deps, ctx.call, input)),
  get: procedure
    .input(ById)
    .output(SandboxView)
    .query(({ ctx, input }) => getSandbox(ctx.deps, ctx.call, input.id)),
  create: procedure
    .input(SandboxCreateBody)
    .output(SandboxRunView)
    .mutation(async ({ ctx, input }) => (await createSandbox(ctx.deps, ctx.call, input, NO_WAIT)).view),
  dryRun: procedure
    .input(SandboxCreateBody)
    .output(DryRunView)
    .mutation(({ ctx, input }) => dryRunSandbox(ctx.deps, ctx.call, input)),
  start: procedure
    .input(ById)
    .output(SandboxRunView)
    .mutation(async ({ ctx, input }) => (await startSandbox(ctx.deps, ctx.call, input.id, NO_WAIT)).view),
  stop: procedure
    .input(ById)
    .output(SandboxRunView)
    .mutation(async ({ ctx, input }) => (await stopSandbox(ctx.deps, ctx.call, input.id, NO_WAIT)).view),
  remove: procedure
    .input(ById.extend(Removal.shape))
    .output(SandboxRunView)
    .mutation(async ({ ctx, input: { id, force, reason } }) => (await removeSandbox(ctx.deps, ctx.call, id, { force, reason: reason ?? null }, NO_WAIT)).view),
  plan: procedure
    .input(ById)
    .output(PlanView)
    .query(({ ctx, input }) => getPlan(ctx.deps, ctx.call, input.id)),
  planOfRun: procedure
    .input(ByRun)
    .output(PlanView)
    .query(({ ctx, input }) => getPlanOfRun(ctx.deps, ctx.call, input.runId)),
  compare: procedure
    .input(ById.extend(PlanCompareQuery.shape))
    .output(PlanCompareView)
    .query(({ ctx, input }) => comparePlan(ctx.deps, ctx.call, input.id, input.from, input.to)),
  blame: procedure
    .input(ById.extend(BlameQuery.shape))
    .output(BlameView)
    .query(({ ctx, input }) => blamePlan(ctx.deps, ctx.call, input.id, input.path)),
  record: procedure
    .input(ById)
    .output(ActivationRecordView)
    .query(({ ctx, input }) => getActivationRecord(ctx.deps, ctx.call, input.id)),
  logs: procedure
    .input(ById.extend(LogsQuery.shape))
    .output(LogsView)
    .query(async ({ ctx, input }) => ({ text: await readLogs(ctx.deps, ctx.call, input.id, input.tail) })),
});
