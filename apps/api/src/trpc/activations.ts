import { ActivationBody, ActivationListQuery, ActivationPatch, ActivationPreviewBody, ActivationPreviewView, ActivationView, listOf } from '@tenon/contract';
import { createActivation, removeActivation, updateActivation } from '../use-cases/change-activation.ts';
import { getActivation, listActivations, previewActivation } from '../use-cases/read-activations.ts';
import { procedure, router } from './base.ts';
import { ById, Reasoned, Seen } from './inputs.ts';

export const activations = router({
  list: procedure
    .input(ActivationListQuery)
    .output(listOf(ActivationView))
    .query(({ ctx, input }) => listActivations(ctx.deps, ctx.call, input)),
  get: procedure
    .input(ById)
    .output(ActivationView)
    .query(({ ctx, input }) => getActivation(ctx.deps, ctx.call, input.id)),
  create: procedure
    .input(ActivationBody)
    .output(ActivationView)
    .mutation(({ ctx, input }) => createActivation(ctx.deps, ctx.call, input)),
  /** `version` is the one that was seen; a lost race answers `precondition_failed` with `current`. */
  update: procedure
    .input(Seen.extend({ change: ActivationPatch }))
    .output(ActivationView)
    .mutation(({ ctx, input }) => updateActivation(ctx.deps, ctx.call, input.id, input.version, input.change)),
  remove: procedure
    .input(Seen.extend(Reasoned.shape))
    .output(ActivationView)
    .mutation(({ ctx, input }) => removeActivation(ctx.deps, ctx.call, input.id, input.version, input.reason)),
  preview: procedure
    .input(ActivationPreviewBody)
    .output(ActivationPreviewView)
    .mutation(({ ctx, input }) => previewActivation(ctx.deps, ctx.call, input)),
});
