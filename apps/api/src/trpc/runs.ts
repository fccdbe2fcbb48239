import { AttemptListQuery, AttemptView, listOf, RunListQuery, RunSummaryView, RunView } from '@tenon/contract';
import { NO_WAIT } from '../use-cases/follow-run.ts';
import { getAttempt, getRun, listAttempts, listRuns } from '../use-cases/read-runs.ts';
import { resumeRun } from '../use-cases/resume-run.ts';
import { procedure, router } from './base.ts';
import { ById } from './inputs.ts';

export const runs = router({
  list: procedure
    .input(RunListQuery)
    .output(listOf(RunSummaryView))
    .query(({ ctx, input }) => listRuns(ctx.deps, ctx.call, input)),
  get: procedure
    .input(ById)
    .output(RunView)
    .query(({ ctx, input }) => getRun(ctx.deps, ctx.call, input.id)),
  attempts: procedure
    .input(ById.extend(AttemptListQuery.shape))
    .output(listOf(AttemptView))
    .query(({ ctx, input: { id, ...query } }) => listAttempts(ctx.deps, ctx.call, id, query)),
  attempt: procedure
    .input(ById)
    .output(AttemptView)
    .query(({ ctx, input }) => getAttempt(ctx.deps, ctx.call, input.id)),
  resume: procedure
    .input(ById)
    .output(RunView)
    .mutation(async ({ ctx, input }) => (await resumeRun(ctx.deps, ctx.call, input.id, NO_WAIT)).view),
});
