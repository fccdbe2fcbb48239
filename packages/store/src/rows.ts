import type { AttemptRecord, AuditRecord, EffectRecord, RunRecord, SandboxRecord, StoredRevision, TokenRecord } from '@tenon/lifecycle';

// The stored form is not the domain form: rows are decoded here and nowhere else. Times come as epoch milliseconds (database.ts).

export interface SandboxRow {
  id: string;
  name: string;
  workspace: string;
  driver: string;
  chain: SandboxRecord['chain'];
  state: SandboxRecord['state'];
  state_reason: SandboxRecord['stateReason'];
  blocked_by: SandboxRecord['blockedBy'];
  request: SandboxRecord['request'];
  record: SandboxRecord['record'];
  sealed_revision: number | null;
  sealed_at: number | null;
  instance: string | null;
  created_at: number;
  deleted_at: number | null;
  hidden: boolean;
  created_by: SandboxRecord['createdBy'];
}

export function toSandbox(row: SandboxRow): SandboxRecord {
  return {
    id: row.id,
    name: row.name,
    workspace: row.workspace,
    driver: row.driver,
    chain: row.chain,
    state: row.state,
    stateReason: row.state_reason,
    blockedBy: row.blocked_by,
    request: row.request,
    record: row.record,
    sealedRevision: row.sealed_revision,
    sealedAt: row.sealed_at,
    instance: row.instance,
    createdAt: row.created_at,
    deletedAt: row.deleted_at,
    hidden: row.hidden,
    createdBy: row.created_by,
  };
}

export interface RunRow {
  id: string;
  sandbox_id: string | null;
  sandbox_name: string;
  workspace: string;
  driver: string;
  operation: RunRecord['operation'];
  status: RunRecord['status'];
  waiting_for: RunRecord['waitingFor'];
  force: boolean;
  reason: string | null;
  actor: RunRecord['actor'];
  request_id: string;
  trace_id: string;
  started_at: number;
  ended_at: number | null;
  first_error: RunRecord['firstError'];
  cancelled_by: string | null;
  from_state: RunRecord['fromState'];
  attempt_count: number;
  steps: RunRecord['steps'];
  preview: RunRecord['preview'];
}

export const RUN_COLUMNS = [
  'id',
  'sandbox_id',
  'sandbox_name',
  'workspace',
  'driver',
  'operation',
  'status',
  'waiting_for',
  'force',
  'reason',
  'actor',
  'request_id',
  'trace_id',
  'started_at',
  'ended_at',
  'first_error',
  'cancelled_by',
  'from_state',
  'attempt_count',
  'steps',
  'preview',
].join(', ');

export function toRun(row: RunRow): RunRecord {
  return {
    id: row.id,
    sandboxId: row.sandbox_id,
    sandboxName: row.sandbox_name,
    workspace: row.workspace,
    driver: row.driver,
    operation: row.operation,
    status: row.status,
    waitingFor: row.waiting_for,
    force: row.force,
    reason: row.reason,
    actor: row.actor,
    requestId: row.request_id,
    traceId: row.trace_id,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    firstError: row.first_error,
    cancelledBy: row.cancelled_by,
    fromState: row.from_state,
    attemptCount: row.attempt_count,
    steps: row.steps,
    preview: row.preview,
  };
}

export interface AttemptRow {
  id: string;
  run_id: string;
  sandbox_id: string | null;
  parent_id: string | null;
  kind: AttemptRecord['kind'];
  phase: AttemptRecord['phase'];
  extension: string | null;
  revision: string | null;
  seq: number;
  number: number;
  outcome: AttemptRecord['outcome'];
  reason: string | null;
  message: string | null;
  error: AttemptRecord['error'];
  started_at: number;
  duration_ms: number;
  changes: AttemptRecord['changes'];
  effects: AttemptRecord['effects'];
  would_be_effects: AttemptRecord['wouldBeEffects'];
  warnings: AttemptRecord['warnings'];
  logs: AttemptRecord['logs'];
  compensates: string | null;
  span_id: string;
}

export function toAttempt(row: AttemptRow): AttemptRecord {
  return {
    id: row.id,
    runId: row.run_id,
    sandboxId: row.sandbox_id,
    parentId: row.parent_id,
    kind: row.kind,
    phase: row.phase,
    extension: row.extension,
    revision: row.revision,
    seq: row.seq,
    number: row.number,
    outcome: row.outcome,
    reason: row.reason,
    message: row.message,
    error: row.error,
    startedAt: row.started_at,
    durationMs: row.duration_ms,
    changes: row.changes,
    effects: row.effects,
    wouldBeEffects: row.would_be_effects,
    warnings: row.warnings,
    logs: row.logs,
    compensates: row.compensates,
    spanId: row.span_id,
  };
}

export interface EffectRow {
  id: string;
  sandbox_id: string;
  run_id: string;
  extension: string | null;
  revision: string | null;
  phase: EffectRecord['phase'];
  attempt_id: string | null;
  kind: string;
  key: string;
  input: EffectRecord['input'];
  handle: EffectRecord['handle'];
  scope: EffectRecord['scope'];
  state: EffectRecord['state'];
  idempotency_key: string;
  seq: number;
  attempts: number;
  last_error: EffectRecord['lastError'];
  next_retry_at: number | null;
  unanswered: boolean;
  due: EffectRecord['due'];
  created_at: number;
  released_at: number | null;
  waived_reason: string | null;
}

export function toEffect(row: EffectRow): EffectRecord {
  return {
    id: row.id,
    sandboxId: row.sandbox_id,
    runId: row.run_id,
    extension: row.extension,
    revision: row.revision,
    phase: row.phase,
    attemptId: row.attempt_id,
    kind: row.kind,
    key: row.key,
    input: row.input,
    handle: row.handle,
    scope: row.scope,
    state: row.state,
    idempotencyKey: row.idempotency_key,
    seq: row.seq,
    attempts: row.attempts,
    lastError: row.last_error,
    nextRetryAt: row.next_retry_at,
    unanswered: row.unanswered,
    due: row.due,
    createdAt: row.created_at,
    releasedAt: row.released_at,
    waivedReason: row.waived_reason,
  };
}

export interface RevisionRow {
  run_id: string;
  number: number;
  sandbox_id: string | null;
  by: StoredRevision['by'];
  phase: StoredRevision['phase'];
  digest: string;
  value: StoredRevision['value'];
  changes: StoredRevision['changes'];
}

export function toRevision(row: RevisionRow): StoredRevision {
  return {
    runId: row.run_id,
    sandboxId: row.sandbox_id,
    number: row.number,
    by: row.by,
    phase: row.phase,
    digest: row.digest,
    value: row.value,
    changes: row.changes,
  };
}

export interface TokenRow {
  id: string;
  name: string;
  role: TokenRecord['role'];
  workspaces: readonly string[] | null;
  claims: TokenRecord['claims'];
  assert_claims: boolean;
  hash: string;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  revoked_at: number | null;
}

export function toToken(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    workspaces: row.workspaces,
    claims: row.claims,
    assertClaims: row.assert_claims,
    hash: row.hash,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  };
}

export interface AuditRow {
  id: string;
  at: number;
  actor: string;
  action: string;
  object_kind: string;
  object_name: string;
  outcome: AuditRecord['outcome'];
  reason: string | null;
  before: AuditRecord['before'];
  after: AuditRecord['after'];
  request_id: string;
  run_ids: string[];
  workspace: string | null;
}

export function toAudit(row: AuditRow): AuditRecord {
  return {
    id: row.id,
    at: row.at,
    actor: row.actor,
    action: row.action,
    object: { kind: row.object_kind, name: row.object_name },
    outcome: row.outcome,
    reason: row.reason,
    before: row.before,
    after: row.after,
    requestId: row.request_id,
    runIds: row.run_ids,
    workspace: row.workspace,
  };
}
