import { randomBytes } from 'node:crypto';
import type { SessionView } from '@tenon/contract';
import { TenonError, type TokenRecord } from '@tenon/lifecycle';
import type { Call, Deps, Principal } from '../context.ts';
import { presentSession } from '../present/access.ts';
import { hashOf } from './manage-tokens.ts';

const SESSION_MS = 12 * 3_600_000;

/** Who a bearer token belongs to; `unauthenticated` where it is unknown, revoked or expired: the three look alike. */
export async function principalOfToken(deps: Deps, text: string): Promise<Principal> {
  const token = await deps.store.tokenByHash(hashOf(text));
  if (token === null || !isLive(token, deps.now())) throw unauthenticated('the token is not known, revoked or expired');
  return principalOf(token, 'token', token.expiresAt);
}

/** Who a session cookie belongs to. The token behind it decides each time, so that revoking it ends the session. */
export async function principalOfSession(deps: Deps, text: string): Promise<Principal> {
  const found = await deps.store.sessionByHash(hashOf(text));
  const now = deps.now();
  if (found === null || found.session.expiresAt <= now || !isLive(found.token, now)) throw unauthenticated('the session has ended');
  return principalOf(found.token, 'session', found.session.expiresAt);
}

/** Opens a session for the holder of a token. Answers the cookie's text, this once. */
export async function signIn(deps: Deps, text: string): Promise<{ readonly cookie: string; readonly expiresAt: number; readonly view: SessionView }> {
  const token = await deps.store.tokenByHash(hashOf(text));
  const now = deps.now();
  if (token === null || !isLive(token, now)) throw unauthenticated('the token is not known, revoked or expired');
  const cookie = randomBytes(32).toString('base64url');
  const expiresAt = Math.min(now + SESSION_MS, token.expiresAt ?? Number.POSITIVE_INFINITY);
  await deps.store.addSession({ id: deps.newId(), tokenId: token.id, hash: hashOf(cookie), createdAt: now, expiresAt });
  return { cookie, expiresAt, view: presentSession(principalOf(token, 'session', expiresAt), deps.version) };
}

export async function signOut(deps: Deps, cookie: string): Promise<void> {
  await deps.store.removeSession(hashOf(cookie));
}

export async function getSession(deps: Deps, call: Call): Promise<SessionView> {
  return presentSession(call.principal, deps.version);
}

export function unauthenticated(detail: string): TenonError {
  return new TenonError('unauthenticated', detail, {
    hint: 'Send `Authorization: Bearer <token>`, or sign in at /api/v1/session. The first token is printed when Tenon starts for the first time.',
  });
}

const isLive = (token: TokenRecord, now: number): boolean => token.revokedAt === null && (token.expiresAt === null || token.expiresAt > now);

function principalOf(token: TokenRecord, kind: Principal['kind'], expiresAt: number | null): Principal {
  return {
    kind,
    tokenId: token.id,
    name: token.name,
    role: token.role,
    workspaces: token.workspaces,
    claims: token.claims,
    assertClaims: token.assertClaims,
    expiresAt,
  };
}
