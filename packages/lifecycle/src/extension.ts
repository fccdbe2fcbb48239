import type { EffectScope, Phase, TransportKind } from '@tenon/vocabulary';
import type { HookContext } from './context.ts';
import type { Json, JsonObject } from './json.ts';

/** What an extension declares about itself; the same over every transport (contract.md, Extension). */
export interface Manifest {
  readonly contract: string;
  readonly name: string;
  /** Semver. */
  readonly revision: string;
  readonly description: string;
  readonly activation: { readonly mode: 'global' } | { readonly mode: 'on_request'; readonly key: string };
  readonly hooks: readonly HookDeclaration[];
  /** Effect kinds. */
  readonly effects: readonly string[];
  /** Driver kinds anywhere in the chain; null: those that its points name, or any. */
  readonly drivers: readonly string[] | null;
  /** JSON Schema (draft 2020-12) of the activation's config; null: no config is taken. */
  readonly configSchema: JsonObject | null;
  /** Extensions whose fields this one may want to override. */
  readonly overrides: readonly string[];
  readonly dryRunSafe: boolean;
  readonly shadowSafe: boolean;
  /** Semver range of older revisions whose effects this one can release; null: none. */
  readonly cleansUp: string | null;
}

export interface HookDeclaration {
  readonly phase: Phase;
  readonly required: boolean;
  readonly deadlineMs: number;
  readonly onFailure: 'fail' | 'warn';
  readonly points: readonly string[];
  readonly optionalPoints: readonly string[];
  readonly features: readonly string[];
  readonly optionalFeatures: readonly string[];
}

export interface EffectApplyCall<I extends Json = Json> {
  readonly key: string;
  readonly input: I;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

export interface EffectReleaseCall<I extends Json = Json, H extends Json = Json> {
  readonly key: string;
  /** Null where the intent was written by an extension out of process. */
  readonly input: I | null;
  /** Null where the outcome of `apply` is not known: then whatever stands under the key is meant. */
  readonly handle: H | null;
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/** One kind of effect of an in-process extension. `release` works from the ledger's row alone, in any process, after any restart. */
export interface EffectDefinition<I extends Json = Json, H extends Json = Json> {
  apply(call: EffectApplyCall<I>, services: EffectServices): Promise<H>;
  release(call: EffectReleaseCall<I, H>, services: EffectServices): Promise<void>;
  list?(services: EffectServices): Promise<readonly { key: string; sandboxId: string | null }[]>;
}

/** The driver services that an effect's functions may use: those of the driver under which the effect was made. */
export type EffectServices = HookContext['services'];

/** A hook of an in-process extension: edits `ctx.plan` where the phase lets it, and answers, or throws. */
export type HookFunction = (ctx: HookContext) => Promise<HookReply | undefined | void> | HookReply | undefined | void;

/** What an in-process hook may answer; nothing at all means ok. */
export interface HookReply {
  readonly result?: 'ok' | 'deny' | 'fail';
  readonly code?: string;
  readonly message?: string;
  readonly resourceExhausted?: boolean;
  readonly retryAfterMs?: number | null;
  readonly state?: JsonObject;
  readonly warnings?: readonly string[];
}

export type HookDefinition = Partial<Omit<HookDeclaration, 'phase'>> & { readonly run: HookFunction };

/** What the author of an in-process extension writes. Hooks are keyed by phase. */
export interface ExtensionDefinition {
  readonly name: string;
  readonly revision: string;
  readonly description: string;
  readonly activation: Manifest['activation'];
  readonly hooks: Readonly<Partial<Record<Phase, HookDefinition>>>;
  // Each kind has its own input and handle types; the ledger keeps both as JSON and hands back to a kind only what that kind made.
  readonly effects?: Readonly<Record<string, EffectDefinition<never, never>>>;
  /** Things that many sandboxes share (`ctx.shared.ensure`), declared as effects are. */
  readonly shared?: Readonly<Record<string, EffectDefinition<never, never>>>;
  readonly drivers?: readonly string[];
  readonly configSchema?: JsonObject;
  readonly overrides?: readonly string[];
  readonly dryRunSafe?: boolean;
  readonly shadowSafe?: boolean;
  readonly cleansUp?: string;
}

/** An in-process extension, ready to be registered: its manifest in full, and its code. */
export interface Extension {
  readonly manifest: Manifest;
  readonly hooks: Readonly<Partial<Record<Phase, HookFunction>>>;
  readonly effects: Readonly<Record<string, EffectDefinition>>;
  readonly shared: Readonly<Record<string, EffectDefinition>>;
}

export type { EffectScope, TransportKind };
