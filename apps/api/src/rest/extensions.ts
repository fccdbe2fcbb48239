import { ExtensionBody, ExtensionListQuery, ExtensionView, KillSwitchBody, listOf, RemoveQuery, RevisionView } from '@tenon/contract';
import { route } from '../http/route.ts';
import { addRevision, registerExtension, removeExtension, setKillSwitch } from '../use-cases/change-extension.ts';
import { getExtension, listExtensions, listRevisions } from '../use-cases/read-extensions.ts';

const tag = 'Extensions';

export const extensionRoutes = [
  route({
    method: 'GET',
    path: '/extensions',
    tag,
    summary: 'Extensions that ship, are configured or were registered',
    query: ExtensionListQuery,
    answers: { 200: listOf(ExtensionView) },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await listExtensions(deps, call, query) }),
  }),
  route({
    method: 'POST',
    path: '/extensions',
    tag,
    summary: 'Register an extension (admin)',
    body: ExtensionBody,
    answers: { 201: ExtensionView },
    handle: async ({ deps, call, body }) => {
      const view = await registerExtension(deps, call, body);
      return { status: 201, body: view, headers: { location: `/api/v1/extensions/${view.name}` } };
    },
  }),
  route({
    method: 'GET',
    path: '/extensions/{name}',
    tag,
    summary: 'One extension with its revisions',
    answers: { 200: ExtensionView },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await getExtension(deps, call, params('name')) }),
  }),
  route({
    method: 'DELETE',
    path: '/extensions/{name}',
    tag,
    summary: 'Unregister; refused while something needs it, unless forced with a reason (admin)',
    query: RemoveQuery,
    answers: { 204: null },
    handle: async ({ deps, call, params, query }) => {
      await removeExtension(deps, call, params('name'), { force: query.force, reason: query.reason ?? null });
      return { status: 204 };
    },
  }),
  route({
    method: 'GET',
    path: '/extensions/{name}/revisions',
    tag,
    summary: 'The revisions of an extension',
    answers: { 200: listOf(RevisionView) },
    handle: async ({ deps, call, params }) => ({ status: 200, body: await listRevisions(deps, call, params('name')) }),
  }),
  route({
    method: 'POST',
    path: '/extensions/{name}/revisions',
    tag,
    summary: 'Add a revision (admin)',
    body: ExtensionBody,
    answers: { 201: ExtensionView },
    handle: async ({ deps, call, params, body }) => ({ status: 201, body: await addRevision(deps, call, params('name'), body) }),
  }),
  route({
    method: 'PUT',
    path: '/extensions/{name}/kill-switch',
    tag,
    summary: 'Stop or allow every call of an extension at once',
    body: KillSwitchBody,
    answers: { 200: ExtensionView },
    handle: async ({ deps, call, params, body }) => ({ status: 200, body: await setKillSwitch(deps, call, params('name'), body) }),
  }),
];
