import type { Deps } from '../context.ts';
import { hashOf, newToken } from './manage-tokens.ts';

/**
 * The first token of an installation: an ordinary admin token, made where there is none at all. Answers its text where it was made here and
 * now, so that it can be shown this once; null where somebody has a token already, or the operator gave the text and knows it.
 */
export async function ensureBootstrapToken(deps: Deps, given: string | null): Promise<string | null> {
  if ((await deps.store.countTokens()) > 0) return null;
  const text = given ?? newToken();
  const id = deps.newId();
  await deps.store.addToken({
    id,
    name: 'bootstrap',
    role: 'admin',
    workspaces: null,
    claims: {},
    assertClaims: false,
    hash: hashOf(text),
    createdAt: deps.now(),
    createdBy: 'tenon',
    expiresAt: null,
    revokedAt: null,
  });
  await deps.store.addAudit({
    actor: 'tenon',
    action: 'token.create',
    object: { kind: 'token', name: 'bootstrap' },
    outcome: 'done',
    reason: 'the first start',
    before: null,
    after: { id, role: 'admin', workspaces: null },
    requestId: 'start',
    runIds: [],
    workspace: null,
  });
  return given === null ? text : null;
}
