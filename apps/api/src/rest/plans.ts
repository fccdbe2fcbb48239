import { ActivationRecordView, BlameQuery, BlameView, LogsQuery, PlanCompareView, PlanQuery, PlanView } from '@tenon/contract';
import { z } from 'zod';
import { route } from '../http/route.ts';
import { blamePlan, comparePlan, getPlan, getPlanOfRun } from '../use-cases/read-plans.ts';
import { getActivationRecord, readLogs } from '../use-cases/read-sandboxes.ts';

const tag = 'Sandboxes';

/** What can be read of one sandbox beside itself. */
export const planRoutes = [
  route({
    method: 'GET',
    path: '/sandboxes/{id}/plan',
    tag,
    summary: 'The plan with every revision and its changes; ?from=&to= compares two revisions',
    query: PlanQuery,
    answers: { 200: z.union([PlanView, PlanCompareView]) },
    handle: async ({ deps, call, params, query }) => {
      const { from, to } = query;
      const compared = from !== undefined && to !== undefined;
      return { status: 200, body: compared ? await comparePlan(deps, call, params('id'), from, to) : await getPlan(deps, call, params('id')) };
    },
  }),
  route({
    method: 'GET',
    path: '/sandboxes/{id}/plan/blame',
    tag,
    summary: 'Who made one field of the plan what it is',
    query: BlameQuery,
    answers: { 200: BlameView },
    handle: async ({ deps, call, params, query }) => ({ status: 200, body: await blamePlan(deps, call, params('id'), query.path) }),
  }),
  route({
    method: 'GET',
    path: '/sandboxes/{id}/activation-record',
    tag,
    summary: 'Which extensions were decided for it at create, and why',
    answers: { 200: ActivationRecordView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await getActivationRecord(deps, call, params('id')) }),
  }),
  route({
    method: 'GET',
    path: '/sandboxes/{id}/logs',
    tag,
    summary: "The last lines of the workload's log",
    query: LogsQuery,
    answers: { 200: 'text/plain' },
    handle: async ({ deps, call, params, query }) => ({
      status: 200,
      body: await readLogs(deps, call, params('id'), query.tail),
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    }),
  }),
  route({
    method: 'GET',
    path: '/runs/{id}/plan',
    tag: 'Runs',
    summary: 'The plan that a run made: for a dry run the only way to it',
    answers: { 200: PlanView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await getPlanOfRun(deps, call, params('id')) }),
  }),
];
