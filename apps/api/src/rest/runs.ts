import { AttemptListQuery, AttemptView, listOf, RunListQuery, RunSummaryView, RunView, WaitQuery } from '@tenon/contract';
import { route } from '../http/route.ts';
import { getAttempt, getRun, listAttempts, listRuns } from '../use-cases/read-runs.ts';
import { resumeRun } from '../use-cases/resume-run.ts';

const tag = 'Runs';

export const runRoutes = [
  route({
    method: 'GET',
    path: '/runs',
    tag,
    summary: 'Runs, newest first',
    query: RunListQuery,
    answers: { 200: listOf(RunSummaryView) },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await listRuns(deps, call, query) }),
  }),
  route({
    method: 'GET',
    path: '/runs/{id}',
    tag,
    summary: 'One run with its trace: the first 200 attempts, effects and steps',
    answers: { 200: RunView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await getRun(deps, call, params('id')) }),
  }),
  route({
    method: 'GET',
    path: '/runs/{id}/attempts',
    tag,
    summary: 'Attempts of a run, in the order in which they began',
    query: AttemptListQuery,
    answers: { 200: listOf(AttemptView) },
    handle: async ({ deps, call, params, query }) => ({ status: 200, body: await listAttempts(deps, call, params('id'), query) }),
  }),
  route({
    method: 'GET',
    path: '/attempts/{id}',
    tag,
    summary: 'One attempt in full',
    answers: { 200: AttemptView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await getAttempt(deps, call, params('id')) }),
  }),
  route({
    method: 'POST',
    path: '/runs/{id}/resume',
    tag,
    summary: 'Settle an interrupted run at once',
    query: WaitQuery,
    answers: { 202: RunView, 200: RunView },
    handle: async ({ deps, call, params, query, signal }) => {
      const run = await resumeRun(deps, call, params('id'), { waitMs: query.wait ?? null, signal });
      return { status: run.ended ? 200 : 202, body: run.view };
    },
  }),
];
