import type { EffectListQuery, EffectView, ListOf } from '@tenon/contract';
import { type Call, callerOf, type Deps } from '../context.ts';
import { defined } from '../defined.ts';
import { act, allow } from '../policy/act.ts';
import { presentEffect, presentEffects } from '../present/run.ts';
import { epoch, epochAfter } from '../present/time.ts';
import { loadEffect } from './load-sandbox.ts';

export async function listEffects(deps: Deps, call: Call, query: EffectListQuery): Promise<ListOf<EffectView>> {
  await allow(deps, call, 'effect.read', { kind: 'effect', name: '*' });
  const { limit, cursor, from, to, ...filter } = query;
  const page = await deps.store.listEffects(
    defined({
      ...filter,
      visible: call.principal.workspaces,
      from: from === undefined ? undefined : epoch(from),
      to: to === undefined ? undefined : epochAfter(to),
    }),
    defined({ limit, cursor }),
  );
  return { items: presentEffects(page.items), next: page.next };
}

export async function getEffect(deps: Deps, call: Call, id: string): Promise<EffectView> {
  await allow(deps, call, 'effect.read', { kind: 'effect', name: id });
  return presentEffect((await loadEffect(deps, call, id)).effect);
}

/** Tries the release of an owed effect now. */
export async function retryEffect(deps: Deps, call: Call, id: string): Promise<EffectView> {
  const { effect, workspace } = await loadEffect(deps, call, id);
  const settled = await act(
    deps,
    call,
    {
      action: 'effect.retry',
      object: { kind: 'effect', name: id },
      target: { workspace },
      before: { state: effect.state },
      after: (row) => ({ state: row.state }),
    },
    () => deps.engine.retryEffect(id, callerOf(call)),
  );
  return presentEffect(settled);
}

/** Gives an owed effect up, for a reason that the audit keeps. */
export async function waiveEffect(deps: Deps, call: Call, id: string, reason: string): Promise<EffectView> {
  const { effect, workspace } = await loadEffect(deps, call, id);
  const settled = await act(
    deps,
    call,
    {
      action: 'effect.waive',
      object: { kind: 'effect', name: id },
      target: { workspace },
      reason,
      before: { state: effect.state, kind: effect.kind, key: effect.key },
      after: (row) => ({ state: row.state }),
    },
    () => deps.engine.waiveEffect(id, reason, callerOf(call)),
  );
  return presentEffect(settled);
}
