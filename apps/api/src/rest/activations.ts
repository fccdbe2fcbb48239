import {
  ActivationBody,
  ActivationListQuery,
  ActivationPatch,
  ActivationPreviewBody,
  ActivationPreviewView,
  ActivationView,
  listOf,
  Reason,
} from '@tenon/contract';
import { z } from 'zod';
import { route } from '../http/route.ts';
import { etagOf } from '../present/activation.ts';
import { createActivation, removeActivation, updateActivation } from '../use-cases/change-activation.ts';
import { getActivation, listActivations, previewActivation } from '../use-cases/read-activations.ts';

const tag = 'Activations';
const tagged = (status: number, view: ActivationView) => ({
  status,
  body: view,
  headers: { etag: etagOf(view.version), ...(status === 201 ? { location: `/api/v1/activations/${view.id}` } : {}) },
});

export const activationRoutes = [
  route({
    method: 'GET',
    path: '/activations',
    tag,
    summary: 'Activations in effective order',
    query: ActivationListQuery,
    answers: { 200: listOf(ActivationView) },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await listActivations(deps, call, query) }),
  }),
  route({
    method: 'POST',
    path: '/activations',
    tag,
    summary: 'Activate an extension',
    body: ActivationBody,
    answers: { 201: ActivationView },
    handle: async ({ deps, call, body }) => tagged(201, await createActivation(deps, call, body)),
  }),
  route({
    method: 'POST',
    path: '/activations/preview',
    tag,
    summary: 'What would this change: drivers, recent requests, live sandboxes',
    body: ActivationPreviewBody,
    answers: { 200: ActivationPreviewView },
    repeatable: true,
    handle: async ({ deps, call, body }) => ({ status: 200, body: await previewActivation(deps, call, body) }),
  }),
  route({
    method: 'GET',
    path: '/activations/{id}',
    tag,
    summary: 'One activation, with its ETag',
    answers: { 200: ActivationView },
    handle: async ({ deps, call, params }) => tagged(200, await getActivation(deps, call, params('id'))),
  }),
  route({
    method: 'PATCH',
    path: '/activations/{id}',
    tag,
    summary: 'Change an activation; If-Match says which version you saw',
    body: ActivationPatch,
    answers: { 200: ActivationView },
    takesIfMatch: 'required',
    handle: async ({ deps, call, params, body, ifMatch }) => tagged(200, await updateActivation(deps, call, params('id'), ifMatch ?? -1, body)),
  }),
  route({
    method: 'DELETE',
    path: '/activations/{id}',
    tag,
    summary: 'Remove an activation; sandboxes that hold it in their record keep it',
    query: z.strictObject({ reason: Reason }),
    answers: { 204: null },
    takesIfMatch: 'optional',
    handle: async ({ deps, call, params, query, ifMatch }) => {
      await removeActivation(deps, call, params('id'), ifMatch, query.reason);
      return { status: 204 };
    },
  }),
];
