import { defineExtension, type HookContext } from '@tenon/lifecycle';
import { openPhase } from '@tenon/lifecycle/testing';
import type { Outcome } from './figures.ts';
import { compare, cpuPerCall } from './rounds.ts';

const GOAL = { name: 'G1', bound: '<=', limit: 10 } as const;
const HOOKS = 100;

/** What each hook does in both loops: it reads where it is and has no objection. */
const check = async (ctx: Pick<HookContext, 'sandbox'>): Promise<undefined> => {
  if (ctx.sandbox.workspace === 'forbidden') throw new Error('no sandbox here');
};

/** Dispatch of 100 hooks with deadline, abort and trace record, against `for (…) await hook(context)` over the same hooks. */
export async function g1Dispatch(): Promise<readonly Outcome[]> {
  const extensions = Array.from({ length: HOOKS }, (_, i) =>
    defineExtension({
      name: `check-${String(i).padStart(3, '0')}`,
      revision: '1.0.0',
      description: 'has no objection',
      activation: { mode: 'global' },
      // An own function for each, as a hundred extensions have.
      hooks: { validate_request: { run: (ctx) => check(ctx) } },
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
  return [{ goal: GOAL, ratio, detail: `${HOOKS} hooks: dispatch ${ours.toFixed(1)} µs, plain loop ${peer.toFixed(1)} µs of CPU` }];
}
