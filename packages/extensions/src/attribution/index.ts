import { defineExtension, type HookContext, type HookReply, type Json, type JsonObject } from '@tenon/lifecycle';
import { RESERVED_ENV_PREFIXES, RESERVED_LABEL_PREFIXES } from '@tenon/vocabulary';
import { openPart } from '../open-part.ts';

const FIELDS = ['tenant', 'user', 'policy', 'workspace', 'sandbox'] as const;
type Field = (typeof FIELDS)[number];
const LABEL_PREFIX = 'attribution/';
const ENV_PREFIX = 'ATTRIBUTION_';

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/**
 * Writes on every sandbox whose it is: labels and environment from the caller's claims, the workspace and the sandbox's name.
 * What stands there already is never overwritten, and an absent claim writes nothing.
 */
export const attribution = defineExtension<Json>({
  name: 'attribution',
  revision: '1.0.0',
  description: 'Labels and environment that say whose a sandbox is: tenant, user, policy, workspace, sandbox.',
  activation: { mode: 'global' },
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      labelPrefix: {
        description: `Begins each label's key. Default ${LABEL_PREFIX}. Reserved prefixes are refused.`,
        type: 'string',
        default: LABEL_PREFIX,
        pattern: '^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?[/.-]$',
        not: { anyOf: RESERVED_LABEL_PREFIXES.map((prefix) => ({ pattern: `^${escaped(prefix)}` })) },
      },
      envPrefix: {
        description: `Begins each variable's name. Default ${ENV_PREFIX}. Reserved prefixes are refused.`,
        type: 'string',
        default: ENV_PREFIX,
        pattern: '^[A-Z][A-Z0-9_]{0,62}_$',
        not: { anyOf: RESERVED_ENV_PREFIXES.map((prefix) => ({ pattern: `^${escaped(prefix)}` })) },
      },
      fields: {
        description: 'What is written. Default: all.',
        type: 'array',
        items: { enum: [...FIELDS] },
        minItems: 1,
        uniqueItems: true,
        default: [...FIELDS],
      },
    },
  },
  dryRunSafe: true,
  shadowSafe: true,
  cleansUp: '^1',
  hooks: {
    prepare_plan: { deadlineMs: 2_000, optionalPoints: ['*.labels', '*.env'], run: attribute },
  },
});

function attribute(ctx: HookContext): HookReply | undefined {
  const {
    labelPrefix = LABEL_PREFIX,
    envPrefix = ENV_PREFIX,
    fields = FIELDS,
  } = ctx.config as { labelPrefix?: string; envPrefix?: string; fields?: readonly Field[] };
  const known: Readonly<Partial<Record<Field, string>>> = { ...ctx.claims, workspace: ctx.sandbox.workspace, sandbox: ctx.sandbox.name };
  const labels = openPart(ctx, ['labels']);
  const env = openPart(ctx, ['env', 'environment']);
  const warnings: string[] = [];
  for (const field of fields) {
    const value = known[field];
    if (value === undefined) continue;
    if (labels && !add(labels, `${labelPrefix}${field}`, value)) warnings.push(`label ${labelPrefix}${field} is there with another value: left as it is`);
    const name = `${envPrefix}${field.toUpperCase()}`;
    if (env && !add(env, name, value)) warnings.push(`variable ${name} is there with another value: left as it is`);
  }
  return warnings.length > 0 ? { warnings } : undefined;
}

/** False where the key is there with another value, which stays. */
function add(map: JsonObject, key: string, value: string): boolean {
  if (Object.hasOwn(map, key)) return map[key] === value;
  map[key] = value;
  return true;
}
