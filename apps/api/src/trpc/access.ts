import { AuditListQuery, AuditView, listOf, TokenBody, TokenIssuedView, TokenListQuery, TokenView } from '@tenon/contract';
import { z } from 'zod';
import { listAudit } from '../use-cases/list-audit.ts';
import { createToken, listTokens, revokeToken } from '../use-cases/manage-tokens.ts';
import { procedure, router } from './base.ts';
import { ById, Done } from './inputs.ts';

export const audit = router({
  list: procedure
    .input(AuditListQuery)
    .output(listOf(AuditView))
    .query(({ ctx, input }) => listAudit(ctx.deps, ctx.call, input)),
});

export const tokens = router({
  list: procedure
    .input(TokenListQuery)
    .output(listOf(TokenView))
    .query(({ ctx, input }) => listTokens(ctx.deps, ctx.call, input)),
  create: procedure
    .input(TokenBody)
    .output(TokenIssuedView)
    .mutation(({ ctx, input }) => createToken(ctx.deps, ctx.call, input)),
  revoke: procedure
    .input(ById.extend({ reason: z.string().trim().min(1).max(1000).optional() }))
    .output(Done)
    .mutation(async ({ ctx, input }) => {
      await revokeToken(ctx.deps, ctx.call, input.id, input.reason ?? null);
      return { done: true };
    }),
});
