import { EffectListQuery, EffectView, EffectWaiveBody, listOf } from '@tenon/contract';
import { route } from '../http/route.ts';
import { getEffect, listEffects, retryEffect, waiveEffect } from '../use-cases/settle-effects.ts';

const tag = 'Effects';

export const effectRoutes = [
  route({
    method: 'GET',
    path: '/effects',
    tag,
    summary: 'The ledger; ?state=owed is the cleanup debt',
    query: EffectListQuery,
    answers: { 200: listOf(EffectView) },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await listEffects(deps, call, query) }),
  }),
  route({
    method: 'GET',
    path: '/effects/{id}',
    tag,
    summary: 'One effect',
    answers: { 200: EffectView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await getEffect(deps, call, params('id')) }),
  }),
  route({
    method: 'POST',
    path: '/effects/{id}/retry',
    tag,
    summary: 'Try the release of an owed effect now',
    answers: { 200: EffectView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await retryEffect(deps, call, params('id')) }),
  }),
  route({
    method: 'POST',
    path: '/effects/{id}/waive',
    tag,
    summary: 'Give an owed effect up, for a reason',
    body: EffectWaiveBody,
    answers: { 200: EffectView },
    handle: async ({ deps, call, params, body }) => ({ status: 200, body: await waiveEffect(deps, call, params('id'), body.reason) }),
  }),
];
