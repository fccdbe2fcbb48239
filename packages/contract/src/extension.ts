import { BREAKER_STATES, EXTENSION_SOURCES, TRANSPORT_KINDS } from '@tenon/vocabulary';
import { z } from 'zod';
import { Flag, paging } from './list.ts';
import { Count, JsonMembers, Reason, Time } from './primitives.ts';
import { PhaseName } from './problem.ts';
import { Manifest } from './wire/manifest.ts';

/** A hook as declared, every default filled in. */
export const HookView = z.object({
  phase: PhaseName,
  required: z.boolean(),
  deadlineMs: z.number().int(),
  onFailure: z.enum(['fail', 'warn']),
  points: z.array(z.string()),
  optionalPoints: z.array(z.string()),
  features: z.array(z.string()),
  optionalFeatures: z.array(z.string()),
});
export type HookView = z.infer<typeof HookView>;

/** A manifest as registered, every default filled in. */
export const ManifestView = z.object({
  contract: z.string(),
  name: z.string(),
  revision: z.string(),
  description: z.string(),
  activation: z.union([z.object({ mode: z.literal('on_request'), key: z.string() }), z.object({ mode: z.literal('global') })]),
  hooks: z.array(HookView),
  effects: z.array(z.string()),
  /** Driver kinds anywhere in the chain; null: those that its points name, or any. */
  drivers: z.array(z.string()).nullable(),
  /** JSON Schema of an activation's config; null: none is taken. */
  configSchema: JsonMembers.nullable(),
  overrides: z.array(z.string()),
  dryRunSafe: z.boolean(),
  shadowSafe: z.boolean(),
  cleansUp: z.string().nullable(),
});
export type ManifestView = z.infer<typeof ManifestView>;

export const RevisionView = z.object({
  revision: z.string(),
  manifest: ManifestView,
  /** `url` is null in process. A secret is never shown. */
  transport: z.object({ kind: z.enum(TRANSPORT_KINDS), url: z.string().nullable(), signedAnswers: z.boolean() }),
  createdAt: Time,
});
export type RevisionView = z.infer<typeof RevisionView>;

export const ExtensionView = z.object({
  name: z.string(),
  description: z.string(),
  latest: z.string(),
  source: z.enum(EXTENSION_SOURCES),
  killSwitch: z.object({ on: z.boolean(), reason: z.string().nullable(), actor: z.string().nullable(), at: Time.nullable() }),
  breaker: z.enum(BREAKER_STATES),
  revisions: z.array(RevisionView),
  activations: Count,
  /** Effects of it whose release is still owed. */
  owed: Count,
});
export type ExtensionView = z.infer<typeof ExtensionView>;

const Secret = z.string().min(1).max(1024);
const common = { secret: Secret.nullish(), signedAnswers: z.boolean().default(false) };

/** How an extension out of process is reached. In-process ones come from the configuration and cannot be registered here. */
export const TransportBody = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('http'), url: z.string().min(1).max(2048), ...common }),
    z.strictObject({ kind: z.literal('grpc'), target: z.string().min(1).max(2048), ...common }),
  ],
  { error: 'must be http or grpc: in-process extensions come from the configuration file' },
);
export type TransportBody = z.infer<typeof TransportBody>;

/** Registers an extension, or a new revision of one. */
export const ExtensionBody = z.strictObject({ manifest: Manifest, transport: TransportBody });
export type ExtensionBody = z.infer<typeof ExtensionBody>;

export const KillSwitchBody = z.strictObject({ on: z.boolean(), reason: Reason });
export type KillSwitchBody = z.infer<typeof KillSwitchBody>;

export const RemoveQuery = z.strictObject({
  /** Goes on although something still needs it; then a reason is required. */
  force: Flag.default(false),
  reason: z.string().trim().min(1).max(1000).optional(),
});
export type RemoveQuery = z.infer<typeof RemoveQuery>;

export const ExtensionListQuery = z.strictObject({ ...paging, source: z.enum(EXTENSION_SOURCES).optional() });
export type ExtensionListQuery = z.infer<typeof ExtensionListQuery>;
