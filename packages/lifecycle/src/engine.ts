import type { ActivationMode, BreakerState, CapabilityKind, CapabilityState, Phase, Role } from '@tenon/vocabulary';
import type { Extension, Manifest } from './extension.ts';
import type { Json, JsonObject } from './json.ts';
import type { AuthoredChange, Change, PlanRevision } from './plan/plan.ts';
import type { Driver } from './ports/driver.ts';
import type { ActivationRow, Actor, Claims, EffectRecord, ExtensionRecord, RunRecord, SandboxRecord, SandboxResources } from './records.ts';

/** The engine's own door: what the use-cases of every API call. Everything here throws TenonError. */

/** Who calls, as the API's policy has established it. */
export interface Caller {
  readonly actor: Actor;
  readonly requestId: string;
  readonly role: Role;
  /** Claims of the token or its mapping, and where they come from. */
  readonly claims: Claims;
  readonly claimsSource: string;
  readonly assertClaims: boolean;
  /** Workspaces that the caller may see; absent or null: all. */
  readonly workspaces?: readonly string[] | null;
}

/** A create request as it arrives: secrets still in plain text, in memory only. */
export interface IncomingRequest {
  readonly name: string;
  readonly workspace: string;
  readonly driver: string;
  readonly template: {
    readonly image: string | null;
    readonly labels: Readonly<Record<string, string>>;
    readonly environment: Readonly<Record<string, IncomingValue>>;
    readonly resources: SandboxResources;
    readonly driverConfig: Readonly<Record<string, JsonObject>>;
    readonly platformConfig: JsonObject;
  };
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, IncomingValue>>;
  readonly gpu: { readonly count: number } | null;
  readonly tty: boolean;
  readonly claims: Claims | null;
  readonly extensionConfig: Readonly<Record<string, JsonObject>>;
}
/** Plain text, or text that the caller marks secret whatever its name. */
export type IncomingValue = string | { readonly secret: string };

export interface PlanView {
  readonly driver: string;
  readonly revisions: readonly PlanRevision[];
  readonly value: Json;
  readonly digest: string;
  readonly sealedAt: number | null;
  /** Late points that an effect would fill, or will. */
  readonly pending: readonly string[];
}

export interface BlameView {
  readonly path: string;
  readonly value: Json | null;
  readonly owner: BlameOwner;
  readonly history: readonly (BlameOwner & {
    readonly op: Change['op'];
    readonly before: Json | null;
    readonly after: Json | null;
    readonly reason: string | null;
  })[];
}
export interface BlameOwner {
  readonly kind: 'request' | 'driver' | 'extension';
  readonly name: string;
  readonly phase: Phase | null;
  readonly revision: string | null;
}

export interface MatrixCell {
  readonly driver: string;
  readonly extension: string | null;
  readonly revision: string | null;
  readonly kind: CapabilityKind;
  readonly name: string;
  readonly state: CapabilityState;
  readonly reason: string;
  /** Who says so, e.g. `docker 20.10`. */
  readonly reportedBy: string;
  /** The phases or hooks that need it. */
  readonly neededBy: readonly string[];
  readonly remedy: string | null;
  readonly checkedAt: number;
}

export interface ActivationInput {
  readonly extension: string;
  readonly revision: string | null;
  readonly scope: { readonly drivers: readonly string[] | null; readonly workspaces: readonly string[] | null };
  readonly mode: ActivationMode;
  readonly percentage: number;
  readonly order: number;
  readonly config: JsonObject;
  readonly requestSettable: readonly string[];
  readonly overrides: ActivationRow['overrides'];
  readonly grant: ActivationRow['grant'];
  readonly failurePolicy: ActivationRow['failurePolicy'];
  readonly reason: string;
}

/** A candidate: a new activation, a change of one, or its removal. */
export type ActivationCandidate =
  | { readonly kind: 'new'; readonly input: ActivationInput }
  | { readonly kind: 'change'; readonly id: string; readonly change: Partial<ActivationInput> }
  | { readonly kind: 'delete'; readonly id: string };

export interface ActivationPreview {
  readonly drivers: readonly { readonly driver: string; readonly state: CapabilityState; readonly reasons: readonly string[] }[];
  readonly requests: {
    readonly replayed: number;
    readonly changed: number;
    readonly conflicts: number;
    readonly refused: number;
    readonly truncated: boolean;
    readonly samples: readonly {
      readonly sandboxName: string;
      readonly runId: string;
      readonly changes: readonly AuthoredChange[];
      readonly error: { readonly code: string; readonly message: string } | null;
    }[];
  };
  readonly live: {
    readonly sandboxes: number;
    readonly owedCleanups: number;
    readonly samples: readonly { readonly sandboxId: string; readonly name: string; readonly mode: ActivationMode; readonly owed: number }[];
  };
}

export interface NewTransport {
  readonly kind: 'http' | 'grpc';
  readonly url: string;
  readonly secret: string | null;
  readonly signedAnswers: boolean;
}

export interface SandboxAndRun {
  readonly sandbox: SandboxRecord;
  readonly run: RunRecord;
}

export interface Engine {
  // Sandboxes. Each answers once the run is open; `waitForRun` follows it.
  createSandbox(request: IncomingRequest, caller: Caller): Promise<SandboxAndRun>;
  /** Runs to its end before it answers. A failed run is answered, not thrown. `plan` is null where it failed before revision 0. */
  dryRun(request: IncomingRequest, caller: Caller): Promise<{ readonly plan: PlanView | null; readonly run: RunRecord }>;
  startSandbox(id: string, caller: Caller): Promise<SandboxAndRun>;
  stopSandbox(id: string, caller: Caller): Promise<SandboxAndRun>;
  deleteSandbox(id: string, caller: Caller, options: { readonly force: boolean; readonly reason: string | null }): Promise<SandboxAndRun>;
  /** The run as it stands once it ended or `timeoutMs` passed. */
  waitForRun(runId: string, timeoutMs: number, signal?: AbortSignal): Promise<RunRecord>;
  /** `run_not_resumable` unless interrupted. */
  resumeRun(runId: string, caller: Caller): Promise<RunRecord>;
  logs(sandboxId: string, options: { readonly tail: number }): Promise<string>;

  // Plans.
  plan(sandboxId: string): Promise<PlanView>;
  planOfRun(runId: string): Promise<PlanView | null>;
  compare(sandboxId: string, from: number, to: number): Promise<readonly Change[]>;
  blame(sandboxId: string, path: string): Promise<BlameView>;

  // Effects. `effect_not_owed` where it is not.
  retryEffect(id: string, caller: Caller): Promise<EffectRecord>;
  waiveEffect(id: string, reason: string, caller: Caller): Promise<EffectRecord>;

  // Extensions.
  register(manifest: Manifest, transport: NewTransport): Promise<ExtensionRecord>;
  addRevision(name: string, manifest: Manifest, transport: NewTransport): Promise<ExtensionRecord>;
  unregister(name: string, options: { readonly force: boolean; readonly reason: string | null }): Promise<void>;
  /** At start: the extensions that ship or are configured. Answers activations that moved to the code that is there. */
  installInProcess(extensions: readonly { readonly extension: Extension; readonly source: 'shipped' | 'configured' }[]): Promise<readonly ActivationRow[]>;
  setKillSwitch(name: string, on: boolean, reason: string, caller: Caller): Promise<ExtensionRecord>;
  breaker(extension: string): BreakerState;

  // Activations.
  createActivation(input: ActivationInput, caller: Caller): Promise<ActivationRow>;
  updateActivation(id: string, change: Partial<ActivationInput>, expectedVersion: number, caller: Caller): Promise<ActivationRow>;
  deleteActivation(id: string, expectedVersion: number, reason: string, caller: Caller): Promise<ActivationRow>;
  previewActivation(candidate: ActivationCandidate, caller: Caller): Promise<ActivationPreview>;

  // Drivers.
  drivers(): readonly Driver[];
  driver(name: string): Driver | null;
  matrix(filter: { readonly driver?: string; readonly extension?: string }): Promise<readonly MatrixCell[]>;

  // The worker's ticks; each does what is due and answers how much it did.
  recover(): Promise<number>;
  reconcile(): Promise<number>;
  retryDebts(): Promise<number>;
  /** Compares what extensions say they hold with the ledger, both ways; records findings in the audit and answers how many stand. */
  auditEffects(): Promise<number>;
  /** Stops taking work; runs in flight finish or, after `graceMs`, are left resumable. */
  drain(graceMs: number): Promise<void>;
}
