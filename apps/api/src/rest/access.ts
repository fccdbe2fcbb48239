import { AuditListQuery, AuditView, listOf, SessionView, TokenBody, TokenIssuedView, TokenListQuery, TokenView } from '@tenon/contract';
import { z } from 'zod';
import { route } from '../http/route.ts';
import { listAudit } from '../use-cases/list-audit.ts';
import { createToken, listTokens, revokeToken } from '../use-cases/manage-tokens.ts';
import { getSession } from '../use-cases/sign-in.ts';

const tag = 'Access';

export const accessRoutes = [
  route({
    method: 'GET',
    path: '/audit',
    tag,
    summary: 'Every change and every refusal, newest first',
    query: AuditListQuery,
    answers: { 200: listOf(AuditView) },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await listAudit(deps, call, query) }),
  }),
  route({
    method: 'GET',
    path: '/tokens',
    tag,
    summary: 'Tokens, without their text (admin)',
    query: TokenListQuery,
    answers: { 200: listOf(TokenView) },
    handle: async ({ deps, call, query }) => ({ status: 200, body: await listTokens(deps, call, query) }),
  }),
  route({
    method: 'POST',
    path: '/tokens',
    tag,
    summary: 'Issue a token; its text is in this answer only (admin)',
    body: TokenBody,
    answers: { 201: TokenIssuedView },
    handle: async ({ deps, call, body }) => {
      const issued = await createToken(deps, call, body);
      return { status: 201, body: issued, replay: { ...issued, token: null, secretShown: false } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/tokens/{id}',
    tag,
    summary: 'Revoke a token and end its sessions (admin)',
    query: z.strictObject({ reason: z.string().trim().min(1).max(1000).optional() }),
    answers: { 204: null },
    handle: async ({ deps, call, params, query }) => {
      await revokeToken(deps, call, params('id'), query.reason ?? null);
      return { status: 204 };
    },
  }),
  route({
    method: 'GET',
    path: '/session',
    tag,
    summary: 'Who is signed in, and what they may do',
    answers: { 200: SessionView },
    handle: async ({ deps, call }) => ({ status: 200, body: await getSession(deps, call) }),
  }),
];
