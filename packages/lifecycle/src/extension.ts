import { CONTRACT_VERSION, type EffectScope, isPhase, LIMITS, PHASE_NAMES, type Phase, phaseRow, type TransportKind } from '@tenon/vocabulary';
import type { HookContext } from './context.ts';
import { TenonError } from './errors.ts';
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

/** A hook's context with the plan in the shape of the driver that the extension declares. */
export type HookContextOf<Plan> = Omit<HookContext, 'plan'> & { readonly plan: Plan };

/** A hook of an in-process extension: edits `ctx.plan` where the phase lets it, and answers, or throws. */
export type HookFunction<Plan = Json> = (ctx: HookContextOf<Plan>) => Promise<HookReply | undefined> | Promise<void> | HookReply | undefined | void;

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

export type HookDefinition<Plan = Json> = Partial<Omit<HookDeclaration, 'phase'>> & { readonly run: HookFunction<Plan> };

/** What the author of an in-process extension writes. Hooks are keyed by phase. */
export interface ExtensionDefinition<Plan = Json> {
  readonly name: string;
  readonly revision: string;
  readonly description: string;
  readonly activation: Manifest['activation'];
  readonly hooks: Readonly<Partial<Record<Phase, HookDefinition<Plan>>>>;
  // Each kind has its own input and handle types; the ledger keeps both as JSON and hands back to a kind only what that kind made.
  readonly effects?: Readonly<Record<string, EffectDefinition>>;
  /** Things that many sandboxes share (`ctx.shared.ensure`), declared as effects are. */
  readonly shared?: Readonly<Record<string, EffectDefinition>>;
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

/** A manifest as authors write it, on the wire and in process: everything that has a default may be left out. */
export interface ManifestInput {
  readonly contract?: string | undefined;
  readonly name: string;
  readonly revision: string;
  readonly description?: string | undefined;
  readonly activation: Manifest['activation'];
  readonly hooks: readonly HookInputDeclaration[];
  readonly effects?: readonly string[] | undefined;
  readonly drivers?: readonly string[] | null | undefined;
  readonly configSchema?: JsonObject | null | undefined;
  readonly overrides?: readonly string[] | undefined;
  readonly dryRunSafe?: boolean | undefined;
  readonly shadowSafe?: boolean | undefined;
  readonly cleansUp?: string | null | undefined;
}

type Loose<T> = { readonly [K in keyof T]?: T[K] | undefined };
export type HookInputDeclaration = Loose<Omit<HookDeclaration, 'phase'>> & { readonly phase: string };

/**
 * The manifest in full: every default of the contract filled in, values that are there left as they are. It judges one thing only,
 * because the default of `onFailure` hangs on it: a phase that is not in the catalogue is `unknown_phase`. The rest is `checkRegistration`'s.
 */
export function completeManifest(input: ManifestInput): Manifest {
  return {
    contract: input.contract ?? CONTRACT_VERSION,
    name: input.name,
    revision: input.revision,
    description: input.description ?? '',
    activation: input.activation.mode === 'on_request' ? { mode: 'on_request', key: input.activation.key } : { mode: 'global' },
    hooks: input.hooks.map((hook, index) => completeHook(input.name, hook, index)),
    effects: [...(input.effects ?? [])],
    drivers: input.drivers ? [...input.drivers] : null,
    configSchema: input.configSchema ?? null,
    overrides: [...(input.overrides ?? [])],
    dryRunSafe: input.dryRunSafe ?? false,
    shadowSafe: input.shadowSafe ?? false,
    cleansUp: input.cleansUp ?? null,
  };
}

function completeHook(extension: string, hook: HookInputDeclaration, index: number): HookDeclaration {
  const { phase } = hook;
  if (!isPhase(phase)) {
    throw new TenonError('unknown_phase', `extension ${extension} hooks ${JSON.stringify(phase)}, which is no phase`, {
      extension,
      pointer: `/manifest/hooks/${index}/phase`,
      hint: `Use one of ${PHASE_NAMES.join(', ')}.`,
    });
  }
  return {
    phase,
    required: hook.required ?? true,
    deadlineMs: hook.deadlineMs ?? LIMITS.hookDeadlineMs,
    // Phases marked `record` take either word and do the same; the milder one says what happens.
    onFailure: hook.onFailure ?? (phaseRow(phase).onFailure === 'fail' ? 'fail' : 'warn'),
    points: [...(hook.points ?? [])],
    optionalPoints: [...(hook.optionalPoints ?? [])],
    features: [...(hook.features ?? [])],
    optionalFeatures: [...(hook.optionalFeatures ?? [])],
  };
}

/**
 * Makes an in-process extension of what its author wrote: the manifest in full, and the code. `Plan` is the plan's shape on the
 * drivers that the extension is for, so that hooks edit it typed: `defineExtension<DockerPlan>({...})`. Its effect kinds are the keys of
 * `effects`; shared things and leases are the engine's own kinds and stand in the manifest only where `effects` names them too.
 * @throws TenonError `unknown_phase`
 */
export function defineExtension<Plan = Json>(definition: ExtensionDefinition<Plan>): Extension {
  const declared = Object.entries(definition.hooks);
  const manifest = completeManifest({
    ...definition,
    hooks: declared.map(([phase, { run: _run, ...hook }]) => ({ phase, ...hook })),
    effects: Object.keys(definition.effects ?? {}),
  });
  const hooks: Partial<Record<Phase, HookFunction>> = {};
  for (const [index, { phase }] of manifest.hooks.entries()) {
    const run = declared[index]?.[1].run;
    // The type parameter is the author's statement about the plan of the declared drivers: at run time it is the planner's JSON.
    if (run) hooks[phase] = run as unknown as HookFunction;
  }
  return { manifest, hooks, effects: { ...definition.effects }, shared: { ...definition.shared } };
}
