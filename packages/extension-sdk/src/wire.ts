/** The wire contract `tenon.dev/extension/v1` as an extension sees it. Tenon may add fields to what it sends: ignore those you do not know. */

export const CONTRACT = 'tenon.dev/extension/v1';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export type Phase =
  | 'validate_request'
  | 'prepare_plan'
  | 'before_create'
  | 'after_create'
  | 'on_create_failed'
  | 'before_start'
  | 'on_start_failed'
  | 'after_ready'
  | 'after_exit'
  | 'before_stop'
  | 'after_stop'
  | 'before_delete'
  | 'after_delete'
  | 'before_restore'
  | 'after_restore'
  | 'reconcile';

/** What an extension declares about itself. What is left out has the default of the contract. */
export interface Manifest {
  contract: typeof CONTRACT;
  name: string;
  /** Semver. */
  revision: string;
  description?: string;
  activation: { mode: 'global' } | { mode: 'on_request'; key: string };
  hooks: HookDeclaration[];
  /** Kinds of effects that its hooks make. */
  effects?: string[];
  /** Driver kinds; absent: those that its points name, or any. */
  drivers?: ('process' | 'docker' | 'podman' | 'kubernetes' | 'vm' | 'external' | 'composed')[];
  /** JSON Schema (draft 2020-12) of an activation's config; absent: none is taken. */
  configSchema?: JsonObject;
  overrides?: string[];
  dryRunSafe?: boolean;
  shadowSafe?: boolean;
  /** Semver range of older revisions whose effects this one can release. */
  cleansUp?: string;
}

export interface HookDeclaration {
  phase: Phase;
  /** Default true. */
  required?: boolean;
  /** Default 10,000; 300,000 at most. */
  deadlineMs?: number;
  onFailure?: 'fail' | 'warn';
  /** Mutation points that it needs, e.g. `docker.labels`, `*.labels`. */
  points?: string[];
  optionalPoints?: string[];
  features?: string[];
  optionalFeatures?: string[];
}

export interface SandboxRef {
  id: string;
  name: string;
  workspace: string;
}

export type EnvironmentValue = string | { $secret: string };

export interface HookRequest {
  contract: string;
  phase: Phase;
  extension: string;
  revision: string;
  run: {
    id: string;
    operation: 'create' | 'start' | 'stop' | 'delete' | 'reconcile' | 'preview';
    /** 1 for the first. */
    attempt: number;
    /** The same for every attempt of one phase in one run, and for its releases. */
    idempotencyKey: string;
    /** ISO 8601 UTC. */
    deadline: string;
  };
  sandbox: SandboxRef;
  driver: { name: string; chain: string[]; features: string[] };
  actor: { kind: string; name: string; role: string };
  requestId: string;
  template: {
    image: string | null;
    labels: Record<string, string>;
    environment: Record<string, EnvironmentValue>;
    resources: Resources;
    driverConfig: Record<string, JsonObject>;
    platformConfig: JsonObject;
  };
  resources: Resources;
  gpu: { count: number } | null;
  command: string[];
  /** A claim that is not known is absent. */
  claims: { tenant?: string; user?: string; policy?: string };
  config: JsonObject;
  requestConfig: JsonObject;
  /** What this extension last answered as `state` for this sandbox. */
  state: JsonObject | null;
  plan: {
    driver: string;
    revision: number;
    value: Json;
    /** What this hook may change now; empty: the plan is to read. */
    open: { point: string; path: string }[];
  };
  shadow: boolean;
  dryRun: boolean;
  /** In phases that are told of a failure: which one. */
  failure: { code: string; message: string } | null;
}

export interface Resources {
  cpuRequest?: string;
  cpuLimit?: string;
  memoryRequest?: string;
  memoryLimit?: string;
}

/** One operation of RFC 6902 against `plan.value`. */
export type PatchOperation =
  | { op: 'add' | 'replace' | 'test'; path: string; value: Json }
  | { op: 'remove'; path: string }
  | { op: 'move' | 'copy'; from: string; path: string };

/** Something made outside the plan, which Tenon will ask to be released. Its identity is (sandbox, kind, key). */
export interface Effect {
  kind: string;
  key: string;
  handle?: Json;
  scope?: 'start' | 'sandbox' | null;
}

export interface HookAnswer {
  result: 'ok' | 'deny' | 'fail';
  idempotencyKey?: string;
  attempt?: number;
  /** The extension's own word for why, e.g. `quota_exceeded`. */
  code?: string | null;
  message?: string | null;
  resourceExhausted?: boolean;
  /** With `fail`: try again after this time. */
  retryAfterMs?: number | null;
  /** 512 at most. */
  patches?: PatchOperation[];
  effects?: Effect[];
  /** Replaces the state whole, 64 KiB at most; absent: it stays. */
  state?: JsonObject | null;
  warnings?: string[];
  logs?: { at?: string | null; level?: string; message: string }[];
}

export interface ReleaseRequest {
  extension: string;
  revision: string;
  sandbox: SandboxRef;
  idempotencyKey: string;
  /** Empty, or a handle null, where an answer was lost: then everything made under `idempotencyKey` is meant. */
  effects: { kind: string; key: string; handle: Json }[];
  reason: 'rollback' | 'stop' | 'exit' | 'delete' | 'debt';
}

/** An effect named in neither list counts as failed. */
export interface ReleaseAnswer {
  released?: string[];
  failed?: { key: string; message: string }[];
}

export interface ListAnswer {
  effects: { kind: string; key: string; sandboxId?: string | null }[];
}

/** A JSON Pointer of segments: `pointer('labels', 'a/b')` is `/labels/a~1b`. */
export function pointer(...segments: (string | number)[]): string {
  return segments.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
