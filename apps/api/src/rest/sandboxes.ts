import { DryRunView, Flag, listOf, RemoveQuery, SandboxCreateBody, SandboxListQuery, SandboxRunView, SandboxView, Wait, WaitQuery } from '@tenon/contract';
import { z } from 'zod';
import type { Answer } from '../http/idempotency.ts';
import { type RouteContext, route } from '../http/route.ts';
import { removeSandbox, startSandbox, stopSandbox } from '../use-cases/change-sandbox.ts';
import { createSandbox, dryRunSandbox } from '../use-cases/create-sandbox.ts';
import type { FollowedRun } from '../use-cases/follow-run.ts';
import { getSandbox, listSandboxes } from '../use-cases/read-sandboxes.ts';

const tag = 'Sandboxes';
const waitingOf = ({ query, signal }: RouteContext<{ wait?: number | undefined }, unknown>) => ({ waitMs: query.wait ?? null, signal });
const opened = (run: FollowedRun, ended = 200): Answer => ({ status: run.ended ? ended : 202, body: run.view });

export const sandboxRoutes = [
  route({
    method: 'GET',
    path: '/sandboxes',
    tag,
    summary: 'Sandboxes; deleted ones only with ?state=deleted',
    query: SandboxListQuery,
    answers: { 200: listOf(SandboxView) },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await listSandboxes(deps, call, query) }),
  }),
  route({
    method: 'POST',
    path: '/sandboxes',
    tag,
    summary: 'Create a sandbox; ?wait=30s waits until it is ready, ?dryRun=true only shows its plan',
    query: z.strictObject({ wait: Wait.optional(), dryRun: Flag.default(false) }),
    body: SandboxCreateBody,
    answers: { 202: SandboxRunView, 201: SandboxRunView, 200: DryRunView },
    handle: async (context) => {
      const { deps, call, body, query } = context;
      if (query.dryRun) return { status: 200, body: await dryRunSandbox(deps, call, body) };
      const run = await createSandbox(deps, call, body, waitingOf(context));
      return { ...opened(run, 201), headers: { location: `/api/v1/sandboxes/${run.view.sandbox.id}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/sandboxes/{id}',
    tag,
    summary: 'One sandbox',
    answers: { 200: SandboxView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await getSandbox(deps, call, params('id')) }),
  }),
  route({
    method: 'DELETE',
    path: '/sandboxes/{id}',
    tag,
    summary: 'Delete a sandbox; ?force=true&reason= goes on over denials and a backend that does not answer',
    query: RemoveQuery.extend({ wait: Wait.optional() }),
    answers: { 202: SandboxRunView, 200: SandboxRunView },
    handle: async (context) => {
      const { deps, call, params, query } = context;
      return opened(await removeSandbox(deps, call, params('id'), { force: query.force, reason: query.reason ?? null }, waitingOf(context)));
    },
  }),
  route({
    method: 'POST',
    path: '/sandboxes/{id}/start',
    tag,
    summary: 'Start a stopped sandbox',
    query: WaitQuery,
    answers: { 202: SandboxRunView, 200: SandboxRunView },
    handle: async (context) => opened(await startSandbox(context.deps, context.call, context.params('id'), waitingOf(context))),
  }),
  route({
    method: 'POST',
    path: '/sandboxes/{id}/stop',
    tag,
    summary: 'Stop a sandbox; its storage stays',
    query: WaitQuery,
    answers: { 202: SandboxRunView, 200: SandboxRunView },
    handle: async (context) => opened(await stopSandbox(context.deps, context.call, context.params('id'), waitingOf(context))),
  }),
];
