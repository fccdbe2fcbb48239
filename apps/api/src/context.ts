import type { Caller, Claims, Engine, Store, Visible } from '@tenon/lifecycle';
import type { Role } from '@tenon/vocabulary';
import type { Log } from './telemetry/log.ts';

/** Who calls, as their token or session says. */
export interface Principal {
  readonly kind: 'token' | 'session';
  readonly tokenId: string;
  /** The token's name: what the audit shows. */
  readonly name: string;
  readonly role: Role;
  /** Null: all workspaces. */
  readonly workspaces: Visible;
  readonly claims: Claims;
  readonly assertClaims: boolean;
  /** When the session, or else the token, ends; epoch ms. */
  readonly expiresAt: number | null;
}

/** One call of a use-case. */
export interface Call {
  readonly principal: Principal;
  readonly requestId: string;
}

/** What use-cases stand on. Built by compose.ts, and by tests. */
export interface Deps {
  readonly engine: Engine;
  readonly store: Store;
  readonly log: Log;
  /** Epoch ms of this process, for expiry and for what is shown. */
  readonly now: () => number;
  /** Version of the product. */
  readonly version: string;
  readonly newId: () => string;
}

/** The engine's view of a call. */
export function callerOf(call: Call): Caller {
  const { principal } = call;
  return {
    actor: { kind: principal.kind, name: principal.name, role: principal.role },
    requestId: call.requestId,
    role: principal.role,
    claims: principal.claims,
    claimsSource: `token ${principal.name}`,
    assertClaims: principal.assertClaims,
    workspaces: principal.workspaces,
  };
}
