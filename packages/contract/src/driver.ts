import { DRIVER_HEALTH, DRIVER_KINDS, DRIVER_SERVICES, ISOLATION, MERGE_KINDS, OPERATIONS } from '@tenon/vocabulary';
import { z } from 'zod';
import { paging } from './list.ts';
import { Count, DriverName, Reason, Time } from './primitives.ts';
import { PhaseName } from './problem.ts';

/** A part of a driver's plan that hooks may change in the phases in which it is open. */
export const MutationPointView = z.object({
  name: z.string(),
  /** JSON Pointer of the part. */
  path: z.string(),
  merge: z.enum(MERGE_KINDS),
  /** Fields that key an element of a keyed list; `set`: the element itself. */
  key: z.union([z.array(z.string()), z.literal('set')]).nullable(),
  ordered: z.boolean(),
  openIn: z.array(PhaseName),
});
export type MutationPointView = z.infer<typeof MutationPointView>;

export const DriverView = z.object({
  name: z.string(),
  kind: z.enum(DRIVER_KINDS),
  /** Names from the outermost wrapper to the base. */
  chain: z.array(z.string()),
  health: z.object({ state: z.enum(DRIVER_HEALTH), detail: z.string(), checkedAt: Time }),
  createStarts: z.boolean(),
  operations: z.array(z.enum(OPERATIONS)),
  phases: z.array(PhaseName),
  points: z.array(MutationPointView),
  /** Patterns that no extension may change. */
  reserved: z.array(z.string()),
  features: z.array(z.string()),
  limits: z.record(z.string(), z.number()),
  services: z.array(z.enum(DRIVER_SERVICES)),
  isolation: z.enum(ISOLATION),
  version: z.string(),
  /** Sandboxes not deleted. */
  sandboxes: Count,
});
export type DriverView = z.infer<typeof DriverView>;

/** Registers an external or composed driver. */
export const DriverBody = z.looseObject({
  name: DriverName,
  kind: z.enum(['external', 'composed'], { error: 'must be external or composed' }),
  reason: Reason,
});
export type DriverBody = z.infer<typeof DriverBody>;

export const DriverListQuery = z.strictObject(paging);
export type DriverListQuery = z.infer<typeof DriverListQuery>;
