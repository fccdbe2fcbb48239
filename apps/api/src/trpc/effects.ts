import { EffectListQuery, EffectView, EffectWaiveBody, listOf } from '@tenon/contract';
import { listEffects, retryEffect, waiveEffect } from '../use-cases/settle-effects.ts';
import { procedure, router } from './base.ts';
import { ById } from './inputs.ts';

export const effects = router({
  list: procedure
    .input(EffectListQuery)
    .output(listOf(EffectView))
    .query(({ ctx, input }) => listEffects(ctx.deps, ctx.call, input)),
  retry: procedure
    .input(ById)
    .output(EffectView)
    .mutation(({ ctx, input }) => retryEffect(ctx.deps, ctx.call, input.id)),
  waive: procedure
    .input(ById.extend(EffectWaiveBody.shape))
    .output(EffectView)
    .mutation(({ ctx, input }) => waiveEffect(ctx.deps, ctx.call, input.id, input.reason)),
});
