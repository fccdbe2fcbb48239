import { type Claims, TenonError } from '@tenon/lifecycle';
import type { Principal } from '../context.ts';

/** Claims come from the caller's token. A request may repeat them, and may say others only where the token may assert claims. */
export function checkClaims(principal: Principal, claims: Claims | null): void {
  if (claims === null || principal.assertClaims) return;
  for (const name of ['tenant', 'user', 'policy'] as const) {
    if (claims[name] === undefined || claims[name] === principal.claims[name]) continue;
    const own = principal.claims[name] === undefined ? 'none' : `\`${principal.claims[name]}\``;
    throw new TenonError('forbidden', `the request claims the ${name} \`${claims[name]}\`; the token ${principal.name} carries ${own}`, {
      pointer: `/claims/${name}`,
      hint: 'Leave claims out, so that those of the token hold, or use a token that may assert claims.',
    });
  }
}
