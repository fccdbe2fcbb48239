import { CAPABILITY_KINDS, CAPABILITY_STATES } from '@tenon/vocabulary';
import { z } from 'zod';
import { DriverName, Time } from './primitives.ts';

/** Whether one driver can do what one extension needs, or what it offers of itself (extension null). */
export const MatrixCellView = z.object({
  driver: z.string(),
  extension: z.string().nullable(),
  revision: z.string().nullable(),
  kind: z.enum(CAPABILITY_KINDS),
  /** The phase, point or feature. */
  name: z.string(),
  state: z.enum(CAPABILITY_STATES),
  reason: z.string(),
  /** Who says so, e.g. `docker 20.10`. */
  reportedBy: z.string(),
  /** Phases or hooks that need it. */
  neededBy: z.array(z.string()),
  remedy: z.string().nullable(),
  checkedAt: Time,
});
export type MatrixCellView = z.infer<typeof MatrixCellView>;

export const MatrixView = z.object({ cells: z.array(MatrixCellView) });
export type MatrixView = z.infer<typeof MatrixView>;

export const MatrixQuery = z.strictObject({ driver: DriverName.optional(), extension: z.string().min(1).optional() });
export type MatrixQuery = z.infer<typeof MatrixQuery>;
