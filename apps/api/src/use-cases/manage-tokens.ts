import { createHash, randomBytes } from 'node:crypto';
import type { ListOf, TokenBody, TokenIssuedView, TokenListQuery, TokenView } from '@tenon/contract';
import { TenonError, type TokenRecord } from '@tenon/lifecycle';
import { ROLES } from '@tenon/vocabulary';
import type { Call, Deps } from '../context.ts';
import { defined } from '../defined.ts';
import { act, allow, notFound } from '../policy/act.ts';
import { presentToken } from '../present/access.ts';
import { epoch } from '../present/time.ts';

/** SHA-256, hex: the only form in which a token is kept. Tokens are 256 random bits, so that no slow hash is needed. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
export const newToken = (): string => `tenon_${randomBytes(32).toString('base64url')}`;

export async function listTokens(deps: Deps, call: Call, query: TokenListQuery): Promise<ListOf<TokenView>> {
  await allow(deps, call, 'token.read', { kind: 'token', name: '*' });
  const page = await deps.store.listTokens(defined(query));
  return { items: page.items.map(presentToken), next: page.next };
}

/** Issues a token; its text is in this answer and nowhere else. Nobody issues more than they have. */
export async function createToken(deps: Deps, call: Call, body: TokenBody): Promise<TokenIssuedView> {
  const text = newToken();
  const now = deps.now();
  const record: TokenRecord = {
    id: deps.newId(),
    name: body.name,
    role: body.role,
    workspaces: body.workspaces,
    claims: defined(body.claims),
    assertClaims: body.assertClaims,
    hash: hashOf(text),
    createdAt: now,
    createdBy: call.principal.name,
    expiresAt: body.expiresAt === null ? null : epoch(body.expiresAt),
    revokedAt: null,
  };
  await act(
    deps,
    call,
    {
      action: 'token.create',
      object: { kind: 'token', name: body.name },
      target: { workspaces: body.workspaces },
      after: () => ({ id: record.id, role: record.role, workspaces: body.workspaces, assertClaims: record.assertClaims }),
    },
    async () => {
      if (record.expiresAt !== null && record.expiresAt <= now) {
        throw new TenonError('validation_failed', `expiresAt ${body.expiresAt} is in the past`, {
          pointer: '/expiresAt',
          hint: 'Give a time to come, or leave it out.',
        });
      }
      withinOwn(call, body);
      await deps.store.addToken(record);
    },
  );
  return { ...presentToken(record), token: text, secretShown: true };
}

/** Ends a token, and every session that was opened with it, at once. */
export async function revokeToken(deps: Deps, call: Call, id: string, reason: string | null): Promise<void> {
  const token = await deps.store.getToken(id);
  if (token === null) throw notFound('token', id);
  await act(
    deps,
    call,
    { action: 'token.revoke', object: { kind: 'token', name: token.name }, target: { workspaces: token.workspaces }, reason, before: { id, role: token.role } },
    // False where it is revoked already: the caller has what they asked for.
    () => deps.store.revokeToken(id, deps.now()),
  );
}

function withinOwn(call: Call, body: TokenBody): void {
  const { principal } = call;
  if (ROLES.indexOf(body.role) > ROLES.indexOf(principal.role)) {
    throw new TenonError('forbidden', `a token of the role ${body.role} would be above ${principal.name}`, { missingRole: body.role, pointer: '/role' });
  }
  if (body.assertClaims && !principal.assertClaims && principal.workspaces !== null) {
    throw new TenonError('forbidden', `a token that may assert claims reaches further than ${principal.name}, which is limited to workspaces`, {
      pointer: '/assertClaims',
      hint: 'Leave assertClaims out, or use an admin token without a limit to workspaces.',
    });
  }
}
