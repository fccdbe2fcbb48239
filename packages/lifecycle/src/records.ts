/**
 * The engine's durable records: what the store keeps and gives back. Times are epoch milliseconds by the store's clock;
 * ids are opaque strings. The API never shows these unmapped.
 */
import type {
  ActivationMode,
  AttemptKind,
  AuditOutcome,
  DriverKind,
  EffectScope,
  EffectState,
  ErrorCode,
  EventType,
  ExtensionSource,
  Operation,
  Outcome,
  Phase,
  ReleaseReason,
  Role,
  RunStatus,
  SandboxState,
  StepState,
  TransportKind,
  WaitingFor,
} from '@tenon/vocabulary';
import type { HookDeclaration, Manifest } from './extension.ts';
import type { Json, JsonObject } from './json.ts';
import type { AuthoredChange, PlanRevision, SecretRef } from './plan/plan.ts';

/** Who acts. `worker` is the product itself; `gateway` a gateway at its own door. */
export interface Actor {
  readonly kind: 'token' | 'session' | 'gateway' | 'worker';
  readonly name: string;
  readonly role: Role;
}

/** Absent claims are absent, never empty. */
export interface Claims {
  readonly tenant?: string;
  readonly user?: string;
  readonly policy?: string;
}

export interface SandboxResources {
  readonly cpuRequest?: string;
  readonly cpuLimit?: string;
  readonly memoryRequest?: string;
  readonly memoryLimit?: string;
}

export interface SandboxTemplate {
  readonly image: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | SecretRef>>;
  readonly resources: SandboxResources;
  /** Keyed by driver name; each block is the inner object. */
  readonly driverConfig: Readonly<Record<string, JsonObject>>;
  readonly platformConfig: JsonObject;
}

/** A create request as recorded: every secret is a reference already. */
export interface SandboxRequest {
  readonly name: string;
  readonly workspace: string;
  readonly driver: string;
  readonly template: SandboxTemplate;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | SecretRef>>;
  readonly gpu: { readonly count: number } | null;
  readonly tty: boolean;
  readonly claims: Claims;
  readonly extensionConfig: Readonly<Record<string, JsonObject>>;
}

export interface RevisionRecord {
  readonly extension: string;
  readonly revision: string;
  readonly manifest: Manifest;
  readonly transport: TransportRecord;
  readonly createdAt: number;
}

export interface TransportRecord {
  readonly kind: TransportKind;
  /** URL, `unix:` path or gRPC target; null in process. */
  readonly url: string | null;
  /** Vault id of the shared secret, or null. */
  readonly secretId: string | null;
  readonly signedAnswers: boolean;
}

export interface KillSwitch {
  readonly on: boolean;
  readonly reason: string | null;
  readonly actor: string | null;
  readonly at: number | null;
}

export interface ExtensionRecord {
  readonly name: string;
  readonly source: ExtensionSource;
  readonly latest: string;
  readonly killSwitch: KillSwitch;
  readonly revisions: readonly RevisionRecord[];
  readonly createdAt: number;
}

export interface ActivationScope {
  /** Names that requests use; null: any driver. */
  readonly drivers: readonly string[] | null;
  readonly workspaces: readonly string[] | null;
}

export interface ActivationRow {
  readonly id: string;
  readonly extension: string;
  readonly revision: string;
  readonly scope: ActivationScope;
  readonly mode: ActivationMode;
  readonly percentage: number;
  readonly order: number;
  readonly config: JsonObject;
  readonly requestSettable: readonly string[];
  readonly overrides: readonly { readonly extension: string; readonly path: string }[];
  /** Null: nobody may ask. A list absent (null): any. */
  readonly grant: { readonly workspaces: readonly string[] | null; readonly roles: readonly Role[] | null } | null;
  readonly failurePolicy: Readonly<Partial<Record<Phase, 'fail' | 'warn'>>>;
  readonly reason: string;
  readonly actor: string;
  readonly version: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The frozen decision about one extension for one sandbox. */
export interface ActiveExtension {
  readonly name: string;
  readonly revision: string;
  readonly transport: TransportKind;
  readonly activationId: string | null;
  readonly order: number;
  /** Always-on entries of a wrapper only: the wrapper's place in the chain, 0 for the innermost. They come before all others. */
  readonly place?: number;
  readonly config: JsonObject;
  readonly requestConfig: JsonObject;
  readonly configDigest: string;
  readonly hooks: readonly HookDeclaration[];
  /** Effective policy per hooked phase, after the activation's loosening or tightening. */
  readonly failurePolicy: Readonly<Partial<Record<Phase, 'fail' | 'warn' | 'record'>>>;
  readonly overrides: readonly { readonly extension: string; readonly path: string }[];
  readonly mode: 'enforce' | 'shadow';
  readonly percentage: number;
  /** Whether this sandbox requires it: it was asked for, or an active hook is `required`. */
  readonly required: boolean;
  /** One line for people: why it is active. */
  readonly why: string;
  /** Who granted an on-request one; null for global ones. */
  readonly grantedBy: string | null;
  readonly dryRunSafe: boolean;
  readonly shadowSafe: boolean;
}

export interface ActivationRecord {
  readonly decidedAt: number;
  readonly claims: Claims;
  /** Where the claims came from: token, identity provider, gateway configuration, or asserted by the caller. */
  readonly claimsSource: string;
  /** In setup order. */
  readonly extensions: readonly ActiveExtension[];
  /** Extensions that were considered and do not run, each with its reason (outside 30 %, disabled, not for this driver ...). */
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
}

export interface SandboxRecord {
  readonly id: string;
  readonly name: string;
  readonly workspace: string;
  readonly driver: string;
  /** Names from the outermost wrapper to the base. */
  readonly chain: readonly string[];
  readonly state: SandboxState;
  /** The state that a denied delete goes back to. */
  readonly stateReason: { readonly code: string; readonly message: string; readonly exitCode: number | null } | null;
  readonly blockedBy: { readonly extension: string; readonly phase: Phase; readonly since: number } | null;
  readonly request: SandboxRequest;
  readonly record: ActivationRecord;
  /** The number of the sealed plan revision, once sealed. */
  readonly sealedRevision: number | null;
  readonly sealedAt: number | null;
  /** What the driver reported of the workload last: its identity (a new one means replaced). */
  readonly instance: string | null;
  readonly createdAt: number;
  readonly deletedAt: number | null;
  /** A failed sandbox that was deleted is hidden. */
  readonly hidden: boolean;
  readonly createdBy: Actor;
}

export interface FirstError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly extension: string | null;
  readonly phase: Phase | null;
  readonly attemptId: string | null;
  /** The rest of the problem: hint, path, conflictsWith, hookCode. */
  readonly hint?: string;
  readonly path?: string;
  readonly conflictsWith?: string;
  readonly hookCode?: string;
}

export interface RunRecord {
  readonly id: string;
  /** Null for a dry run. */
  readonly sandboxId: string | null;
  readonly sandboxName: string;
  readonly workspace: string;
  readonly driver: string;
  readonly operation: Operation;
  readonly status: RunStatus;
  readonly waitingFor: WaitingFor | null;
  readonly force: boolean;
  readonly reason: string | null;
  readonly actor: Actor;
  readonly requestId: string;
  /** 32 hex digits. */
  readonly traceId: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly firstError: FirstError | null;
  /** Set when another run asks this one to stop. */
  readonly cancelledBy: string | null;
  /** The state of the sandbox when the run was opened. */
  readonly fromState: SandboxState | null;
  readonly attemptCount: number;
  readonly steps: readonly StepRecord[];
  /** The recorded request and decision of a dry run; null elsewhere (the sandbox has them). */
  readonly preview: { readonly request: SandboxRequest; readonly record: ActivationRecord; readonly pending: readonly string[] } | null;
}

/** One step of a run's journal: written before its side effect (`intended`) and after it. */
export interface StepRecord {
  readonly name: string;
  readonly state: StepState;
  readonly at: number;
}

export interface AttemptRecord {
  readonly id: string;
  readonly runId: string;
  readonly sandboxId: string | null;
  readonly parentId: string | null;
  readonly kind: AttemptKind;
  readonly phase: Phase | null;
  /** Null for the driver's own calls. */
  readonly extension: string | null;
  readonly revision: string | null;
  /** Sequence within the run: the order in which attempts began. */
  readonly seq: number;
  /** 1 for the first try. */
  readonly number: number;
  readonly outcome: Outcome;
  /** Why it was skipped, shadowed or aborted. */
  readonly reason: string | null;
  readonly message: string | null;
  /** `path` is in the plan; `conflictsWith` the other extension of a conflict. */
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hookCode?: string;
    readonly path?: string;
    readonly conflictsWith?: string;
  } | null;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly changes: readonly AuthoredChange[];
  readonly effects: readonly string[];
  /** What a shadowed attempt would have made: `kind key`. */
  readonly wouldBeEffects: readonly string[];
  readonly warnings: readonly string[];
  readonly logs: readonly { readonly at: number; readonly level: string; readonly message: string }[];
  /** The attempt or effect that this one compensates. */
  readonly compensates: string | null;
  /** 16 hex digits. */
  readonly spanId: string;
}

export interface EffectRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly runId: string;
  /** Null: the driver's own, kinds driver_create and driver_start. */
  readonly extension: string | null;
  readonly revision: string | null;
  readonly phase: Phase | null;
  /** The attempt that made it. */
  readonly attemptId: string | null;
  /** An effect kind; `*` stands for whatever an unanswered call made; `shared:<kind>` and `lease:<pool>` are the engine's own services. */
  readonly kind: string;
  readonly key: string;
  readonly input: Json | null;
  readonly handle: Json | null;
  readonly scope: EffectScope;
  readonly state: EffectState;
  readonly idempotencyKey: string;
  /** Order of making within the sandbox: releases go strictly newest first. */
  readonly seq: number;
  /** Releases tried. */
  readonly attempts: number;
  readonly lastError: { readonly code: string; readonly message: string } | null;
  /** For owed rows: the next retry. For released rows: the second call of the fence. */
  readonly nextRetryAt: number | null;
  /** True where an attempt under this key ended without an answer: the fence then calls twice. */
  readonly unanswered: boolean;
  /** For owed rows of the driver: older rows that wait for it. The reason under which the release fell due. */
  readonly due: ReleaseReason | null;
  readonly createdAt: number;
  readonly releasedAt: number | null;
  readonly waivedReason: string | null;
}

/** A plan revision as stored: under its run, and under its sandbox where there is one. */
export interface StoredRevision extends PlanRevision {
  readonly runId: string;
  readonly sandboxId: string | null;
}

export interface EventRecord {
  /** Decimal sequence as text; grows with the commit order that readers see. */
  readonly id: string;
  readonly type: EventType;
  readonly at: number;
  readonly sandboxId: string | null;
  readonly runId: string | null;
  readonly workspace: string | null;
  readonly data: JsonObject;
}

export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Null: all workspaces. */
  readonly workspaces: readonly string[] | null;
  readonly claims: Claims;
  readonly assertClaims: boolean;
  /** SHA-256, hex, of the token. */
  readonly hash: string;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

export interface SessionRecord {
  readonly id: string;
  readonly tokenId: string;
  readonly hash: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface AuditRecord {
  readonly id: string;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly object: { readonly kind: string; readonly name: string };
  readonly outcome: AuditOutcome;
  readonly reason: string | null;
  readonly before: Json | null;
  readonly after: Json | null;
  readonly requestId: string;
  readonly runIds: readonly string[];
  readonly workspace: string | null;
}

export type { DriverKind };
