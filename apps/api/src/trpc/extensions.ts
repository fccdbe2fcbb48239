import { ExtensionBody, ExtensionListQuery, ExtensionView, KillSwitchBody, listOf } from '@tenon/contract';
import { addRevision, registerExtension, removeExtension, setKillSwitch } from '../use-cases/change-extension.ts';
import { getExtension, listExtensions } from '../use-cases/read-extensions.ts';
import { procedure, router } from './base.ts';
import { ByName, Done, Removal } from './inputs.ts';

export const extensions = router({
  list: procedure
    .input(ExtensionListQuery)
    .output(listOf(ExtensionView))
    .query(({ ctx, input }) => listExtensions(ctx.deps, ctx.call, input)),
  get: procedure
    .input(ByName)
    .output(ExtensionView)
    .query(({ ctx, input }) => getExtension(ctx.deps, ctx.call, input.name)),
  register: procedure
    .input(ExtensionBody)
    .output(ExtensionView)
    .mutation(({ ctx, input }) => registerExtension(ctx.deps, ctx.call, input)),
  addRevision: procedure
    .input(ExtensionBody.extend(ByName.shape))
    .output(ExtensionView)
    .mutation(({ ctx, input: { name, ...body } }) => addRevision(ctx.deps, ctx.call, name, body)),
  remove: procedure
    .input(ByName.extend(Removal.shape))
    .output(Done)
    .mutation(async ({ ctx, input: { name, force, reason } }) => {
      await removeExtension(ctx.deps, ctx.call, name, { force, reason: reason ?? null });
      return { done: true };
    }),
  setKillSwitch: procedure
    .input(KillSwitchBody.extend(ByName.shape))
    .output(ExtensionView)
    .mutation(({ ctx, input: { name, ...body } }) => setKillSwitch(ctx.deps, ctx.call, name, body)),
});
