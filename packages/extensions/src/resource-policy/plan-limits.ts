import type { JsonObject } from '@tenon/lifecycle';

/** The limits that a plan may hold, each in its base unit. A field that is there and null is a limit that the driver can set and nobody has. */
export const PLAN_LIMITS = ['cpuMillis', 'memoryBytes'] as const;
export type PlanLimit = (typeof PLAN_LIMITS)[number];

/** Lowers one limit of the plan to `most`; tells what it did. A limit that nobody set is no limit at all, so it becomes `most`. */
export function lowerLimit(resources: JsonObject, field: PlanLimit, most: number): 'lowered' | 'set' | 'fits' | 'unknown_here' {
  if (!Object.hasOwn(resources, field)) return 'unknown_here';
  const now = resources[field];
  if (typeof now === 'number' && now <= most) return 'fits';
  resources[field] = most;
  return typeof now === 'number' ? 'lowered' : 'set';
}

/** Whether a CDI device is a GPU: its class, the part between the slash and the equals sign, says so. */
export function isGpu(device: string): boolean {
  return /^[^/=]+\/gpu=/.test(device);
}
