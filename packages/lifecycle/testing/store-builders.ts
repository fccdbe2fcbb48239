import { newId, newSpanId, newTraceId } from '../src/ids.ts';
import type { LeasePools } from '../src/ports/leases.ts';
import type { SharedThings } from '../src/ports/shared.ts';
import type { JournalEntry, RunLease, Store } from '../src/ports/store.ts';
import type { Vault } from '../src/ports/vault.ts';
import type {
  ActivationRow,
  ActiveExtension,
  Actor,
  AttemptRecord,
  EffectRecord,
  ExtensionRecord,
  RevisionRecord,
  RunRecord,
  SandboxRecord,
  SandboxRequest,
  StoredRevision,
  TokenRecord,
} from '../src/records.ts';

/** One empty installation, as the store suite drives it. */
export interface StoreBench {
  readonly store: Store;
  readonly pools: LeasePools;
  readonly shared: SharedThings;
  readonly vault: Vault;
  /** Runs the writes and sees to it that every row they add bears one and the same millisecond. */
  sameTime(write: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export const LEASE_MS = 30_000;
export const ALL = { visible: null } as const;
export const actor: Actor = { kind: 'token', name: 'tester', role: 'admin' };

export function activeExtension(name: string): ActiveExtension {
  return {
    name,
    revision: '1.0.0',
    transport: 'in_process',
    activationId: null,
    order: 1000,
    config: { subnet: '10.0.0.0/24' },
    requestConfig: {},
    configDigest: 'digest',
    hooks: [],
    failurePolicy: {},
    overrides: [],
    mode: 'enforce',
    percentage: 100,
    required: true,
    why: 'global',
    grantedBy: null,
    dryRunSafe: true,
    shadowSafe: false,
  };
}

export function request(change: Partial<SandboxRequest> = {}): SandboxRequest {
  return {
    name: `box-${newId().slice(-12)}`,
    workspace: 'default',
    driver: 'fake',
    template: { image: 'busybox:1', labels: {}, environment: { A: '1' }, resources: {}, driverConfig: {}, platformConfig: {} },
    command: ['sleep', '3600'],
    environment: {},
    gpu: null,
    tty: false,
    claims: {},
    extensionConfig: {},
    ...change,
  };
}

export function sandbox(change: Partial<SandboxRecord> = {}): SandboxRecord {
  const wanted = request({
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.workspace === undefined ? {} : { workspace: change.workspace }),
    ...(change.driver === undefined ? {} : { driver: change.driver }),
  });
  return {
    id: newId(),
    name: wanted.name,
    workspace: wanted.workspace,
    driver: wanted.driver,
    chain: [wanted.driver],
    state: 'creating',
    stateReason: null,
    blockedBy: null,
    request: wanted,
    record: { decidedAt: 1, claims: {}, claimsSource: 'token', extensions: [activeExtension('network')], passedOver: [] },
    sealedRevision: null,
    sealedAt: null,
    instance: null,
    createdAt: 1,
    deletedAt: null,
    hidden: false,
    createdBy: actor,
    ...change,
  };
}

export function run(of: SandboxRecord | null, change: Partial<RunRecord> = {}): RunRecord {
  return {
    id: newId(),
    sandboxId: of?.id ?? null,
    sandboxName: of?.name ?? 'dry',
    workspace: of?.workspace ?? 'default',
    driver: of?.driver ?? 'fake',
    operation: of === null ? 'preview' : 'create',
    status: 'running',
    waitingFor: null,
    force: false,
    reason: null,
    actor,
    requestId: 'request',
    traceId: newTraceId(),
    startedAt: 1,
    endedAt: null,
    firstError: null,
    cancelledBy: null,
    fromState: null,
    attemptCount: 0,
    steps: [],
    preview: null,
    ...change,
  };
}

export function attempt(of: RunRecord, seq: number, change: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    id: newId(),
    runId: of.id,
    sandboxId: of.sandboxId,
    parentId: null,
    kind: 'hook',
    phase: 'before_create',
    extension: 'network',
    revision: '1.0.0',
    seq,
    number: 1,
    outcome: 'changed',
    reason: null,
    message: 'gave an address',
    error: null,
    startedAt: 1_700_000_000_000,
    durationMs: 1.5,
    changes: [
      {
        op: 'add',
        path: '/labels/team',
        after: 'a',
        by: { extension: 'network', revision: '1.0.0', phase: 'before_create' },
        reason: null,
        overrode: null,
      },
    ],
    effects: [],
    wouldBeEffects: [],
    warnings: [],
    logs: [{ at: 1_700_000_000_001, level: 'info', message: 'hello' }],
    compensates: null,
    spanId: newSpanId(),
    ...change,
  };
}

export function effect(of: RunRecord, seq: number, change: Partial<EffectRecord> = {}): EffectRecord {
  return {
    id: newId(),
    sandboxId: of.sandboxId ?? 'none',
    runId: of.id,
    extension: 'network',
    revision: '1.0.0',
    phase: 'before_create',
    attemptId: null,
    kind: 'ip_lease',
    key: `key-${seq}`,
    input: { wish: '10.0.0.9' },
    handle: null,
    scope: 'sandbox',
    state: 'intended',
    idempotencyKey: 'once',
    seq,
    attempts: 0,
    lastError: null,
    nextRetryAt: null,
    unanswered: false,
    due: null,
    createdAt: 1,
    releasedAt: null,
    waivedReason: null,
    ...change,
  };
}

export function revision(of: RunRecord, number: number): StoredRevision {
  return {
    runId: of.id,
    sandboxId: of.sandboxId,
    number,
    by: { kind: number === 0 ? 'driver' : 'extension', name: number === 0 ? 'fake' : 'network' },
    phase: number === 0 ? null : 'prepare_plan',
    digest: `digest-${number}`,
    value: number === 0 ? { labels: { a: '1' }, list: [null, 1.25, true] } : null,
    changes: [],
  };
}

export function extension(name: string, change: Partial<ExtensionRecord> = {}): ExtensionRecord {
  return {
    name,
    source: 'registered',
    latest: '1.0.0',
    killSwitch: { on: false, reason: null, actor: null, at: null },
    revisions: [extensionRevision(name, '1.0.0')],
    createdAt: 1_700_000_000_000,
    ...change,
  };
}

export function extensionRevision(name: string, version: string): RevisionRecord {
  return {
    extension: name,
    revision: version,
    manifest: {
      contract: 'tenon.dev/extension/v1',
      name,
      revision: version,
      description: 'for the suite',
      activation: { mode: 'global' },
      hooks: [],
      effects: [],
      drivers: null,
      configSchema: null,
      overrides: [],
      dryRunSafe: true,
      shadowSafe: false,
      cleansUp: null,
    },
    transport: { kind: 'http', url: 'http://127.0.0.1:9', secretId: null, signedAnswers: false },
    createdAt: 1_700_000_000_000,
  };
}

export function activation(of: string, change: Partial<ActivationRow> = {}): ActivationRow {
  return {
    id: newId(),
    extension: of,
    revision: '1.0.0',
    scope: { drivers: null, workspaces: null },
    mode: 'enforce',
    percentage: 100,
    order: 1000,
    config: { subnet: '10.0.0.0/24' },
    requestSettable: [],
    overrides: [],
    grant: null,
    failurePolicy: {},
    reason: 'because',
    actor: 'tester',
    version: 1,
    createdAt: 1,
    updatedAt: 1,
    ...change,
  };
}

export function token(change: Partial<TokenRecord> = {}): TokenRecord {
  const id = newId();
  return {
    id,
    name: 'ci',
    role: 'operator',
    workspaces: ['team-a'],
    claims: { tenant: 'acme' },
    assertClaims: false,
    hash: `hash-${id}`,
    createdAt: 1,
    createdBy: 'tester',
    expiresAt: null,
    revokedAt: null,
    ...change,
  };
}

export interface Opened {
  readonly sandbox: SandboxRecord;
  readonly run: RunRecord;
  readonly lease: RunLease;
}

export async function openCreate(store: Store, change: Partial<SandboxRecord> = {}, leaseMs = LEASE_MS): Promise<Opened> {
  const box = sandbox(change);
  const create = run(box);
  return { sandbox: box, run: create, lease: await store.openCreate(box, create, 'holder', leaseMs) };
}

/** A sandbox whose create has ended as told. */
export async function created(store: Store, change: Partial<SandboxRecord> = {}, ...entries: JournalEntry[]): Promise<Opened> {
  const opened = await openCreate(store, change);
  const state = change.state ?? 'ready';
  await store.commit(opened.lease, [
    ...entries,
    { type: 'sandbox', sandboxId: opened.sandbox.id, change: { state } },
    { type: 'run', change: { status: state === 'failed' ? 'failed' : 'succeeded' } },
  ]);
  await store.dropLease(opened.lease);
  return opened;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Everything a list gives, page by page; fails where a page has more than was asked for. */
export async function allPages<T>(
  list: (page: { limit: number; cursor?: string }) => Promise<{ items: readonly T[]; next: string | null }>,
  limit: number,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: readonly T[]; next: string | null } = await list(cursor === null ? { limit } : { limit, cursor });
    if (page.items.length > limit) throw new Error(`a page of ${limit} has ${page.items.length} items`);
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return found;
}
