import type { HookResult, ReleaseReason, TransportKind } from '@tenon/vocabulary';
import type { EffectsApi, HookInput, LeasesApi, SharedApi } from '../context.ts';
import type { Manifest } from '../extension.ts';
import type { Json, JsonObject } from '../json.ts';
import type { PlanSchema } from '../plan/plan.ts';
import type { RevisionRecord } from '../records.ts';
import type { DriverServices, SandboxRef } from './driver.ts';

/** One call of a hook. In-process transports read everything; the others send `input` and the plan. */
export interface HookCall {
  readonly input: HookInput;
  /** The same as `input`, where each part is made when it is read: what a transport in process uses where it is there. */
  readonly parts?: HookInput;
  readonly plan: {
    readonly driver: string;
    readonly revision: number;
    /** The plan as this hook's turn finds it: never to be changed in place. */
    readonly value: Json;
    /** Points that are open to this hook now; empty means read-only. */
    readonly open: readonly { readonly point: string; readonly path: string }[];
    readonly schema: PlanSchema;
  };
  readonly deadlineMs: number;
  /** Lazily made; fires at the deadline and when the run is aborted. */
  readonly signal: () => AbortSignal;
  readonly traceparent: string;
  /** Ledger doors for in-process hooks; each throws after the attempt has settled. */
  readonly doors: { readonly effects: EffectsApi; readonly shared: SharedApi; readonly leases: LeasesApi };
  readonly services: Partial<DriverServices>;
  /** Takes the lines of an in-process hook as it writes them, so that they are there when it throws or hangs; `logs` of the answer is then empty. */
  readonly onLog?: (line: { readonly at: number; readonly level: string; readonly message: string }) => void;
}

/** What came back, parsed and bounded but not judged yet. */
export interface HookAnswer {
  readonly result: HookResult;
  readonly code: string | null;
  readonly message: string | null;
  readonly resourceExhausted: boolean;
  readonly retryAfterMs: number | null;
  /** RFC 6902 operations, or the edited draft's next value (shares what was not touched with the plan sent), or null for no change. */
  readonly edit: { readonly kind: 'patches'; readonly patches: readonly unknown[] } | { readonly kind: 'value'; readonly value: unknown } | null;
  /** Effects that an out-of-process hook made. */
  readonly effects: readonly { readonly kind: string; readonly key: string; readonly handle: Json; readonly scope: 'start' | 'sandbox' | null }[];
  /** Absent: keep; present: replace whole. */
  readonly state: JsonObject | null;
  readonly warnings: readonly string[];
  readonly logs: readonly { readonly at: number; readonly level: string; readonly message: string }[];
}

export interface ReleaseCall {
  readonly extension: string;
  readonly revision: string;
  readonly sandbox: SandboxRef;
  readonly idempotencyKey: string;
  readonly effects: readonly { readonly kind: string; readonly key: string; readonly input: Json | null; readonly handle: Json | null }[];
  readonly reason: ReleaseReason;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly traceparent: string;
  readonly services: Partial<DriverServices>;
}

export interface ReleaseAnswer {
  readonly released: readonly string[];
  readonly failed: readonly { readonly key: string; readonly message: string }[];
}

export interface ListAnswer {
  readonly effects: readonly { readonly kind: string; readonly key: string; readonly sandboxId: string | null }[];
}

/**
 * One revision of an extension, ready to be called. A transport throws TenonError: `hook_protocol_error` (an answer outside the
 * contract, never retried), `extension_unavailable` (refused, cut, 5xx), `hook_timed_out`, `hook_failed` (an in-process hook threw).
 */
export interface ExtensionClient {
  describe(signal: AbortSignal): Promise<Manifest>;
  hook(call: HookCall): Promise<HookAnswer>;
  release(call: ReleaseCall): Promise<ReleaseAnswer>;
  /** Null: not offered. */
  list(signal: AbortSignal, services?: Partial<DriverServices>): Promise<ListAnswer | null>;
  /** In process only: the functions of its effect kinds, called by the ledger. */
  readonly effects: EffectFunctions | null;
  /** In process only: the functions of its shared kinds. */
  readonly shared: EffectFunctions | null;
}

/** Functions of effects or of shared things, by kind; in process only. */
export interface EffectFunctions {
  has(kind: string): boolean;
  apply(kind: string, call: { key: string; input: Json; idempotencyKey: string; signal: AbortSignal }, services: Partial<DriverServices>): Promise<Json>;
  release(
    kind: string,
    call: { key: string; input: Json | null; handle: Json | null; idempotencyKey: string; signal: AbortSignal },
    services: Partial<DriverServices>,
  ): Promise<void>;
}

export interface Transport {
  readonly kind: TransportKind;
  /** Null: this revision's code is not here (an in-process revision that is gone). `secret` signs the calls. */
  open(revision: RevisionRecord, secret: string | null): ExtensionClient | null;
  close(): Promise<void>;
}
