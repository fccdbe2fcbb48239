import type { AuditView, EventView, SessionView, TokenView } from '@tenon/contract';
import type { AuditRecord, EventRecord, TokenRecord } from '@tenon/lifecycle';
import type { Principal } from '../context.ts';
import { presentClaims } from './sandbox.ts';
import { iso, isoOrNull } from './time.ts';

export function presentToken(token: TokenRecord): TokenView {
  return {
    id: token.id,
    name: token.name,
    role: token.role,
    workspaces: token.workspaces === null ? null : [...token.workspaces],
    claims: presentClaims(token.claims),
    assertClaims: token.assertClaims,
    createdAt: iso(token.createdAt),
    createdBy: token.createdBy,
    expiresAt: isoOrNull(token.expiresAt),
    revokedAt: isoOrNull(token.revokedAt),
  };
}

export function presentSession(principal: Principal, version: string): SessionView {
  return {
    kind: principal.kind,
    name: principal.name,
    tokenId: principal.tokenId,
    role: principal.role,
    workspaces: principal.workspaces === null ? null : [...principal.workspaces],
    claims: presentClaims(principal.claims),
    assertClaims: principal.assertClaims,
    expiresAt: isoOrNull(principal.expiresAt),
    version,
  };
}

export function presentAudit(record: AuditRecord): AuditView {
  return {
    id: record.id,
    at: iso(record.at),
    actor: record.actor,
    action: record.action,
    object: { kind: record.object.kind, name: record.object.name },
    outcome: record.outcome,
    reason: record.reason,
    before: record.before,
    after: record.after,
    requestId: record.requestId,
    runIds: [...record.runIds],
  };
}

export function presentEvent(event: EventRecord): EventView {
  return { id: event.id, type: event.type, at: iso(event.at), sandboxId: event.sandboxId, runId: event.runId, data: event.data };
}
