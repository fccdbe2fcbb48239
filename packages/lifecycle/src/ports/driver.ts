import type { DriverHealth, DriverKind, DriverServiceName, Isolation, Operation, Phase } from '@tenon/vocabulary';
import type { Json } from '../json.ts';
import type { PlanSchema } from '../plan/plan.ts';
import type { SandboxRequest } from '../records.ts';

/** What one driver can do, as it is now: the matrix is computed from this alone. */
export interface DriverCapabilities {
  readonly operations: readonly Operation[];
  readonly phases: readonly Phase[];
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly services: readonly DriverServiceName[];
  readonly isolation: Isolation;
  readonly version: string;
}

export interface DriverHealthReport {
  readonly state: DriverHealth;
  readonly detail: string;
  readonly checkedAt: number;
}

export interface SandboxRef {
  readonly id: string;
  readonly name: string;
  readonly workspace: string;
}

/** The driver's view of one workload. */
export interface DriverObservation {
  readonly sandboxId: string;
  readonly state: 'absent' | 'created' | 'running' | 'exited';
  /** Ready in the driver's own sense; a driver without one is ready once running. */
  readonly ready: boolean;
  readonly exitCode: number | null;
  /** Machine word and a line for people: why it is in this state. */
  readonly reason: string | null;
  readonly message: string | null;
  /** Identity of this very workload (a container id with its start time, a pid with its start time): another one means replaced. */
  readonly instance: string | null;
}

export interface DriverCall {
  readonly sandbox: SandboxRef;
  /** The sealed plan, secrets as references. */
  readonly plan: Json;
  /** Gives a secret's plain text. Only the driver's client calls it, at the last moment; the answer is never stored or logged. */
  readonly resolveSecret: (id: string) => Promise<string>;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

export interface PlanIssue {
  /** Keyed JSON Pointer of the offending field. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

/** What a driver offers to in-process extensions, each only where its capability lists it. */
export interface DriverServices {
  exec(call: { sandbox: SandboxRef; command: readonly string[]; signal: AbortSignal }): Promise<{ exitCode: number; output: string }>;
  tcp_probe(call: { sandbox: SandboxRef; port: number; signal: AbortSignal }): Promise<boolean>;
  container_networks: ContainerNetworks;
}

export interface ContainerNetworks {
  /** Makes the network, or adopts ours of that name; refuses a foreign one. Answers its id. */
  ensure(call: {
    name: string;
    subnet: string;
    labels: Readonly<Record<string, string>>;
    internal: boolean;
    signal: AbortSignal;
  }): Promise<{ id: string; name: string; subnet: string; gateway: string | null }>;
  /** Removes it; absent is fine. */
  remove(call: { name: string; signal: AbortSignal }): Promise<void>;
  list(): Promise<readonly { name: string; labels: Readonly<Record<string, string>> }[]>;
}

/**
 * One compute backend. Everything is idempotent: create adopts what stands under the deterministic name and id, stop and delete of
 * what is not there succeed. A driver throws TenonError: `driver_failed`, `driver_unavailable`, `plan_invalid`, `validation_failed`, `unknown_field`.
 * A call that was aborted or whose answer was lost may have happened: the engine asks `inspect`.
 */
export interface Driver {
  readonly name: string;
  readonly kind: DriverKind;
  /** Names, outermost wrapper to base. A base has only itself. */
  readonly chain: readonly string[];
  /** Kinds of the chain, same order. */
  readonly kinds: readonly DriverKind[];
  /** The backend has no separate start: create starts. */
  readonly createStarts: boolean;
  readonly schema: PlanSchema;
  /** Whether the driver has a readiness of its own: then an exit before it fails the run. */
  readonly ownReadiness: boolean;
  /** How long after its request timeout a create that nobody answered may still land, ms. */
  readonly lateCreateMs: number;

  capabilities(): Promise<DriverCapabilities>;
  health(): Promise<DriverHealthReport>;
  /**
   * The pure planner: request to plan revision 0, with the environment precedence and labels of the design.
   * Refuses by name what this driver cannot honour (`validation_failed`, `unknown_field` with a pointer into the request).
   */
  plan(request: SandboxRequest, sandboxId: string): Json;
  /** Judges a whole plan: schema and invariants. Empty means accepted. */
  validate(plan: Json): readonly PlanIssue[];

  create(call: DriverCall): Promise<{ instance: string | null }>;
  start(call: DriverCall): Promise<{ instance: string | null }>;
  /** Settles once ready, or once ended. Rejects when the signal fires. */
  awaitReady(call: DriverCall): Promise<DriverObservation>;
  /** Stops and confirms; storage stays. */
  stop(call: DriverCall): Promise<void>;
  /** Deletes and confirms that it is gone. */
  delete(call: DriverCall): Promise<void>;
  inspect(sandbox: SandboxRef, plan: Json | null): Promise<DriverObservation>;
  /** Everything at the backend that carries our labels. */
  list(): Promise<readonly DriverObservation[]>;
  /** Calls back on anything that may have changed a workload; resynchronises by itself. The answer ends the watch. */
  watch(onChange: (sandboxId: string) => void): () => void;
  logs(sandbox: SandboxRef, plan: Json, options: { tail: number }): Promise<string>;
  services(): Partial<DriverServices>;
  close(): Promise<void>;
}
