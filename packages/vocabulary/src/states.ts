/** Closed lists of states, outcomes and kinds. Every other package derives its types from here. */

export const SANDBOX_STATES = ['creating', 'running', 'ready', 'stopping', 'stopped', 'starting', 'deleting', 'deleted', 'failed'] as const;
export type SandboxState = (typeof SANDBOX_STATES)[number];

export const RUN_STATUSES = ['running', 'waiting', 'interrupted', 'succeeded', 'failed', 'failed_with_debt'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
export const FINAL_RUN_STATUSES = ['succeeded', 'failed', 'failed_with_debt'] as const satisfies readonly RunStatus[];

/** What a waiting run waits for: the backend, the store, its next retry, or the run that it supersedes. */
export const WAITING_FOR = ['backend', 'store', 'retry', 'run'] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

export const OUTCOMES = ['ok', 'changed', 'denied', 'failed', 'timed_out', 'skipped', 'shadowed', 'aborted'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const ATTEMPT_KINDS = ['hook', 'release', 'driver'] as const;
export type AttemptKind = (typeof ATTEMPT_KINDS)[number];

export const EFFECT_STATES = ['intended', 'applied', 'released', 'owed', 'waived'] as const;
export type EffectState = (typeof EFFECT_STATES)[number];

export const EFFECT_SCOPES = ['start', 'sandbox'] as const;
export type EffectScope = (typeof EFFECT_SCOPES)[number];

/** The ledger kinds of the driver's own effects; their key is the sandbox id. */
export const DRIVER_EFFECTS = ['driver_create', 'driver_start'] as const;
export type DriverEffect = (typeof DRIVER_EFFECTS)[number];

export const RELEASE_REASONS = ['rollback', 'stop', 'exit', 'delete', 'debt'] as const;
export type ReleaseReason = (typeof RELEASE_REASONS)[number];

export const CAPABILITY_STATES = ['supported', 'no_op', 'refused'] as const;
export type CapabilityState = (typeof CAPABILITY_STATES)[number];

export const CAPABILITY_KINDS = ['phase', 'point', 'feature'] as const;
export type CapabilityKind = (typeof CAPABILITY_KINDS)[number];

export const ACTIVATION_MODES = ['enforce', 'shadow', 'disabled'] as const;
export type ActivationMode = (typeof ACTIVATION_MODES)[number];

export const EXTENSION_SOURCES = ['shipped', 'configured', 'registered'] as const;
export type ExtensionSource = (typeof EXTENSION_SOURCES)[number];

export const TRANSPORT_KINDS = ['in_process', 'http', 'grpc'] as const;
export type TransportKind = (typeof TRANSPORT_KINDS)[number];

export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;
export type BreakerState = (typeof BREAKER_STATES)[number];

export const DRIVER_KINDS = ['process', 'docker', 'podman', 'kubernetes', 'vm', 'external', 'composed'] as const;
export type DriverKind = (typeof DRIVER_KINDS)[number];

export const DRIVER_HEALTH = ['healthy', 'degraded', 'unavailable'] as const;
export type DriverHealth = (typeof DRIVER_HEALTH)[number];

export const ISOLATION = ['none', 'container', 'vm', 'external'] as const;
export type Isolation = (typeof ISOLATION)[number];

export const MERGE_KINDS = ['singleton', 'map', 'keyed_list'] as const;
export type MergeKind = (typeof MERGE_KINDS)[number];

export const CHANGE_OPS = ['add', 'remove', 'replace'] as const;
export type ChangeOp = (typeof CHANGE_OPS)[number];

export const OWNER_KINDS = ['request', 'driver', 'extension'] as const;
export type OwnerKind = (typeof OWNER_KINDS)[number];

export const HOOK_RESULTS = ['ok', 'deny', 'fail'] as const;
export type HookResult = (typeof HOOK_RESULTS)[number];

export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export const EVENT_TYPES = ['sandbox', 'run', 'attempt', 'activation', 'extension', 'driver', 'effect'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const AUDIT_OUTCOMES = ['done', 'refused'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** Services that a driver may offer to in-process extensions. */
export const DRIVER_SERVICES = ['exec', 'tcp_probe', 'container_networks', 'kubernetes_objects'] as const;
export type DriverServiceName = (typeof DRIVER_SERVICES)[number];

export const STEP_STATES = ['intended', 'done', 'failed', 'skipped'] as const;
export type StepState = (typeof STEP_STATES)[number];
