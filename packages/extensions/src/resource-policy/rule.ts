import type { Claims, JsonObject } from '@tenon/lifecycle';
import { cpuMillis, memoryBytes } from './quantity.ts';

/** One line of the policy: for whom, how much, and what happens to who wants more. */
export interface Rule {
  readonly workspaces?: readonly string[];
  readonly tenants?: readonly string[];
  readonly cpu?: string;
  readonly memory?: string;
  readonly gpus?: number;
  readonly action: 'deny' | 'clamp';
}

/** A rule's maxima in base units; absent: no maximum. */
export interface Maxima {
  readonly cpuMillis: number | null;
  readonly memoryBytes: number | null;
  readonly gpus: number | null;
  readonly action: 'deny' | 'clamp';
}

/** The first rule that fits decides alone; a rule that names neither workspaces nor tenants fits everyone. Null: nothing is limited. */
export function maximaFor(config: JsonObject, workspace: string, claims: Claims): Maxima | null {
  // The engine has judged the config by its schema before any hook sees it.
  const rules = config.rules as unknown as readonly Rule[];
  const rule = rules.find(
    ({ workspaces, tenants }) =>
      (workspaces === undefined || workspaces.includes(workspace)) &&
      (tenants === undefined || (claims.tenant !== undefined && tenants.includes(claims.tenant))),
  );
  if (rule === undefined) return null;
  return {
    cpuMillis: rule.cpu === undefined ? null : cpuMillis(rule.cpu),
    memoryBytes: rule.memory === undefined ? null : memoryBytes(rule.memory),
    gpus: rule.gpus ?? null,
    action: rule.action,
  };
}

export const CONFIG_SCHEMA: JsonObject = {
  type: 'object',
  required: ['rules'],
  additionalProperties: false,
  properties: {
    rules: {
      description: 'The first rule that fits a sandbox decides alone.',
      type: 'array',
      minItems: 1,
      maxItems: 200,
      items: {
        type: 'object',
        required: ['action'],
        anyOf: [{ required: ['cpu'] }, { required: ['memory'] }, { required: ['gpus'] }],
        additionalProperties: false,
        properties: {
          workspaces: {
            description: 'Fits sandboxes of these workspaces; absent: of any.',
            type: 'array',
            items: { type: 'string', minLength: 1 },
            minItems: 1,
          },
          tenants: {
            description: 'Fits sandboxes whose tenant claim is one of these; absent: any, also without the claim.',
            type: 'array',
            items: { type: 'string', minLength: 1 },
            minItems: 1,
          },
          cpu: { description: 'Most CPU of one sandbox, in cores or thousandths (2, 0.5, 500m).', type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?m?$' },
          memory: {
            description: 'Most memory of one sandbox, in bytes or with a unit (512Mi, 2G).',
            type: 'string',
            pattern: '^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$',
          },
          gpus: { description: 'Most GPUs of one sandbox.', type: 'integer', minimum: 0 },
          action: { description: 'What happens to a sandbox that asks for more.', enum: ['deny', 'clamp'] },
        },
      },
    },
  },
};
