import type { Caller } from '../engine.ts';
import { TenonError } from '../errors.ts';
import type { Claims } from '../records.ts';
import { listed } from './wording.ts';

const CLAIM_NAMES = ['tenant', 'user', 'policy'] as const satisfies readonly (keyof Claims)[];

/**
 * The claims of a request, and where they come from. They are the caller's own; a request may repeat them, and only a caller that may
 * assert claims sets others. Absent claims stay absent, empty ones are dropped.
 * @throws TenonError `forbidden` with the pointer of the claim that is not the caller's
 */
export function resolveClaims(
  requested: Claims | null,
  caller: Pick<Caller, 'claims' | 'claimsSource' | 'assertClaims'>,
): { readonly claims: Claims; readonly source: string } {
  const own = present(caller.claims);
  if (requested === null) return { claims: own, source: caller.claimsSource };
  const wanted = present(requested);
  const other = CLAIM_NAMES.find((name) => wanted[name] !== undefined && wanted[name] !== own[name]);
  if (other === undefined) return { claims: own, source: caller.claimsSource };
  if (caller.assertClaims) return { claims: { ...own, ...wanted }, source: 'asserted by the caller' };
  const names = CLAIM_NAMES.filter((name) => own[name] !== undefined);
  throw new TenonError('forbidden', `claim ${other} is not the caller's own, and this caller may not assert claims`, {
    pointer: `/claims/${other}`,
    hint: `Leave claims out: the caller's own are used (${listed(names, 'it has none')}). Or use a token with assertClaims.`,
  });
}

function present(claims: Claims): Claims {
  return Object.fromEntries(CLAIM_NAMES.flatMap((name) => (claims[name] ? [[name, claims[name]]] : [])));
}
