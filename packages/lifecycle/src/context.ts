import type { EffectScope, Operation, Phase } from '@tenon/vocabulary';
import type { Json, JsonObject } from './json.ts';
import type { DriverServices } from './ports/driver.ts';
import type { Actor, Claims, SandboxTemplate } from './records.ts';

/** Everything a hook may know, whatever its transport (lifecycle design, section 9). JSON values only; secrets are references. */
export interface HookInput {
  readonly phase: Phase;
  readonly extension: string;
  readonly revision: string;
  readonly run: {
    readonly id: string;
    readonly operation: Operation;
    readonly attempt: number;
    readonly idempotencyKey: string /** ISO 8601 UTC. */;
    readonly deadline: string;
  };
  readonly sandbox: { readonly id: string; readonly name: string; readonly workspace: string };
  readonly driver: { readonly name: string; readonly chain: readonly string[]; readonly features: readonly string[] };
  readonly actor: Actor;
  readonly requestId: string;
  readonly template: SandboxTemplate;
  readonly resources: SandboxTemplate['resources'];
  readonly gpu: { readonly count: number } | null;
  readonly command: readonly string[];
  readonly claims: Claims;
  readonly config: JsonObject;
  readonly requestConfig: JsonObject;
  /** This extension's own persisted state for this sandbox; null before the first. */
  readonly state: JsonObject | null;
  readonly shadow: boolean;
  readonly dryRun: boolean;
  /** For told phases: why, and what is to be cleaned up. Null elsewhere. */
  readonly failure: { readonly code: string; readonly message: string } | null;
}

/** What an in-process hook receives. */
export interface HookContext extends HookInput {
  /**
   * The plan: a draft to edit where the phase opens a point that this hook declared, read-only elsewhere.
   * Typed by the driver at `defineExtension`; unusable after the hook has settled.
   */
  readonly plan: Json;
  readonly planRevision: number;
  readonly open: readonly { readonly point: string; readonly path: string }[];
  /** Made when first read: most hooks never need it. */
  readonly signal: AbortSignal;
  /** W3C `traceparent` of this attempt. */
  readonly traceparent: string;
  readonly log: HookLog;
  readonly effects: EffectsApi;
  readonly shared: SharedApi;
  readonly leases: LeasesApi;
  readonly services: Partial<DriverServices>;
}

export interface HookLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface EffectsApi {
  /** Commits the intent, applies, stores and returns the handle; the same identity again returns the handle it has. */
  ensure<H extends Json>(kind: string, key: string, input: Json, options?: { scope?: EffectScope }): Promise<H>;
}

export interface SharedApi {
  /** Makes the thing once for every holder in the installation, or joins it; released with its last holder. */
  ensure<H extends Json>(kind: string, key: string, input: Json, options?: { scope?: EffectScope }): Promise<H>;
}

export interface LeasesApi {
  /** Takes one free item of the pool, the same one for the same (sandbox, extension, pool, key). None free: `resource_exhausted`. */
  acquire(pool: string, key: string, candidates: Iterable<string>, options?: { scope?: EffectScope }): Promise<string>;
}
