import type { ActivationRecordView, SandboxView } from '@tenon/contract';
import type { ActivationRecord, Claims, RunRecord, SandboxRecord } from '@tenon/lifecycle';
import { iso } from './time.ts';

/** What a sandbox's row does not know of itself. */
export interface SandboxSurroundings {
  readonly lastRun: RunRecord | null;
  readonly owed: number;
}

export function presentSandbox(sandbox: SandboxRecord, around: SandboxSurroundings, now: number): SandboxView {
  const { stateReason, blockedBy } = sandbox;
  return {
    id: sandbox.id,
    name: sandbox.name,
    workspace: sandbox.workspace,
    driver: { name: sandbox.driver, chain: [...sandbox.chain] },
    state: sandbox.state,
    stateReason: stateReason === null ? null : { code: stateReason.code, message: stateReason.message, exitCode: stateReason.exitCode },
    blockedBy: blockedBy === null ? null : { extension: blockedBy.extension, phase: blockedBy.phase, sinceMs: Math.max(0, Math.round(now - blockedBy.since)) },
    createdAt: iso(sandbox.createdAt),
    lastRun: around.lastRun === null ? null : { id: around.lastRun.id, operation: around.lastRun.operation, status: around.lastRun.status },
    owed: around.owed,
  };
}

export function presentRecord(record: ActivationRecord): ActivationRecordView {
  const claims = presentClaims(record.claims);
  return {
    decidedAt: iso(record.decidedAt),
    claimsSource: record.claimsSource,
    extensions: record.extensions.map((extension) => ({
      name: extension.name,
      revision: extension.revision,
      activationId: extension.activationId,
      order: extension.order,
      mode: extension.mode,
      percentage: extension.percentage,
      configDigest: extension.configDigest,
      why: extension.why,
      grantedBy: extension.grantedBy,
      required: extension.required,
      claims,
      failurePolicy: { ...extension.failurePolicy },
    })),
    passedOver: record.passedOver.map(({ name, reason }) => ({ name, reason })),
  };
}

/** Absent claims stay absent. */
export function presentClaims(claims: Claims): { tenant?: string; user?: string; policy?: string } {
  return {
    ...(claims.tenant === undefined ? {} : { tenant: claims.tenant }),
    ...(claims.user === undefined ? {} : { user: claims.user }),
    ...(claims.policy === undefined ? {} : { policy: claims.policy }),
  };
}
