import { type Phase, phaseRow } from '@tenon/vocabulary';
import type { HookDeclaration } from '../extension.ts';

/** Why this hook's failure may not be turned into a warning, or null where it may (or where the word changes nothing). */
export function refusesWarn(hook: Pick<HookDeclaration, 'phase' | 'required'>): string | null {
  const { warnable } = phaseRow(hook.phase);
  if (warnable !== 'optional' || !hook.required) return null;
  return `a failure in ${hook.phase} fails the run, and may be a warning only where the hook is "required": false`;
}

/** What a failure of this hook does: the activation's word before the hook's own, never looser than the phase allows. */
export function failureEffect(hook: HookDeclaration, policy: Readonly<Partial<Record<Phase, 'fail' | 'warn'>>>): 'fail' | 'warn' | 'record' {
  const row = phaseRow(hook.phase);
  if (row.onFailure === 'record') return 'record';
  const wanted = policy[hook.phase] ?? hook.onFailure;
  return wanted === 'warn' && refusesWarn(hook) ? 'fail' : wanted;
}
