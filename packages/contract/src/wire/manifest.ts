import { CONTRACT_VERSION, DRIVER_KINDS, isPhase, LIMITS, PHASES } from '@tenon/vocabulary';
import { z } from 'zod';
import { JsonMembers } from '../primitives.ts';

/** What an extension declares about itself: the same document at registration and from `/v1/describe`. */

// Own words for a version: three numbers without leading zeros, then pre-release and build parts of letters, digits, dots and hyphens.
const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

const names = z.array(z.string().min(1).max(256)).max(256);

/** What a phase does on failure where its hook does not say: phases that only record have nothing to fail. */
export function defaultOnFailure(phase: string): 'fail' | 'warn' {
  return isPhase(phase) && PHASES[phase].onFailure !== 'fail' ? 'warn' : 'fail';
}

/** One hook. Every field but `phase` has a default. Whether the phase exists is the registry's to say (`unknown_phase`). */
export const HookDeclaration = z
  .strictObject({
    phase: z.string().min(1).max(64).meta({ description: 'A phase of the catalogue, e.g. prepare_plan.' }),
    required: z
      .boolean()
      .default(true)
      .meta({ description: 'A sandbox that this hook cannot run for is refused; otherwise the hook is skipped, with the reason.' }),
    deadlineMs: z.int().min(1).max(LIMITS.hookDeadlineMaxMs).default(LIMITS.hookDeadlineMs),
    onFailure: z.enum(['fail', 'warn']).optional().meta({ description: 'Default: as the phase table says.' }),
    points: names.default([]).meta({ description: 'Mutation points that it needs, e.g. docker.labels or *.labels.' }),
    optionalPoints: names.default([]),
    features: names.default([]),
    optionalFeatures: names.default([]),
  })
  .transform((hook) => ({ ...hook, onFailure: hook.onFailure ?? defaultOnFailure(hook.phase) }));
export type HookDeclaration = z.output<typeof HookDeclaration>;

const Activation = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('global') }),
  z.strictObject({ mode: z.literal('on_request'), key: z.string().max(256) }),
]);

/** The manifest. Names, keys, phases, points and the contract version are judged by the registry, each with a code of its own. */
export const Manifest = z
  .strictObject({
    contract: z
      .string()
      .max(128)
      .meta({ description: `The contract that it speaks: ${CONTRACT_VERSION}.` }),
    name: z.string().max(256),
    revision: z.string().max(128).regex(SEMVER, 'must be a semantic version such as 1.2.0'),
    description: z.string().max(4096).default(''),
    activation: Activation,
    hooks: z.array(HookDeclaration).max(64),
    effects: names.default([]).meta({ description: 'Kinds of effects that its hooks make.' }),
    drivers: z
      .array(z.enum(DRIVER_KINDS))
      .max(64)
      .nullable()
      .default(null)
      .meta({ description: 'Driver kinds anywhere in the chain. Absent: those that its points name, or any.' }),
    configSchema: JsonMembers.nullable().default(null).meta({ description: 'JSON Schema (draft 2020-12) of the config. Absent: it takes none.' }),
    overrides: names.default([]).meta({ description: 'Extensions whose fields it may want to override; the activation must grant each path.' }),
    dryRunSafe: z.boolean().default(false),
    shadowSafe: z.boolean().default(false),
    cleansUp: z.string().min(1).max(128).nullable().default(null).meta({ description: 'Range of older revisions whose effects it can release, e.g. ^1.' }),
  })
  .meta({ id: 'Manifest' });
export type Manifest = z.output<typeof Manifest>;
