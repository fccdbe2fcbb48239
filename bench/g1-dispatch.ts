import { defineExtension, type HookContext, type HookFunction } from '@tenon/lifecycle';
import { openPhase } from '@tenon/lifecycle/testing';
import type { Outcome } from './figures.ts';
import { compare, cpuPerCall } from './rounds.ts';

const GOAL = { name: 'G1', bound: '<=', limit: 10 } as const;
const HOOKS = 100;

/**
 * A hook that reads where it is and has no objection. Each is compiled for itself, as the hooks of a hundred extensions are: were they all
 * one function, the engine of JavaScript would inline it into the plain loop, and the loop would measure nothing that exists.
 */
function hookOf(i: number): HookFunction {
  return new Function(`return async (ctx) => { if (ctx.sandbox.workspace === 'closed-${i}') throw new Error('no sandbox here'); };`)();
}

/** Dispatch of 100 hooks with deadline, abort and trace record, against `for (…) await hook(context)` over the same hooks. */
export async function g1Dispatch(): Promise<readonly Outcome[]> {
  const extensions = Array.from({ length: HOOKS }, (_, i) =>
    defineExtension({
      name: `check-${String(i).padStart(3, '0')}`,
      revision: '1.0.0',
      description: 'has no objection',
      activation: { mode: 'global' },
      hooks: { validate_request: { run: hookOf(i) } },
    }),
  );
  const dispatch = await openPhase({ extensions, phase: 'validate_request' });
  const { attempts } = await dispatch();
  if (attempts.length !== HOOKS || attempts.some((attempt) => attempt.outcome !== 'ok')) throw new Error('the dispatch did not call every hook');

  const hooks = extensions.map((extension) => extension.hooks.validate_request);
  const context = { sandbox: { id: 's', name: 'demo', workspace: 'default' } } as HookContext;
  const loop = async () => {
    for (const hook of hooks) await hook?.(context);
  };
  const { ours, peer, ratio } = await compare(
    15,
    () => cpuPerCall(400, dispatch),
    () => cpuPerCall(4_000, loop),
  );
  return [{ goal: GOAL, figure: ratio, detail: `${HOOKS} hooks: dispatch ${ours.toFixed(1)} µs, plain loop ${peer.toFixed(1)} µs of CPU` }];
}
