import { z } from 'zod';
import { IncomingTime } from './primitives.ts';

/** What every list answers: `next` is the cursor of the following page, or null at the end. */
export const listOf = <T extends z.ZodType>(view: T) => z.object({ items: z.array(view), next: z.string().nullable() });
/** One page of a list. */
export interface ListOf<T> {
  items: T[];
  next: string | null;
}

/** Values that arrive as JSON over tRPC and as text in a query string. */
const number = (text: number | string): unknown => (typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text);
const comma = <T>(value: string | T[]): unknown => (typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value);

export const Limit = z.preprocess(number, z.number({ error: 'must be a whole number from 1 to 200' }).int().min(1).max(200)).default(50);

/** One or several values of a closed list: an array, or joined by commas in a query string. */
export const anyOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.preprocess(comma<T[number]>, z.array(z.enum(values, { error: (issue) => `\`${String(issue.input)}\` must be one of ${values.join(', ')}` })).min(1));

/** A flag: JSON boolean, or `true`/`false` in a query string. */
export const Flag = z.preprocess(
  (value: boolean | string): unknown => (value === 'true' ? true : value === 'false' ? false : value),
  z.boolean({ error: 'must be true or false' }),
);

/** Fields of every paged query. */
export const paging = {
  limit: Limit,
  cursor: z.string().max(2048).optional(),
};

/** Fields of every query over something that happened: both ends included. */
export const period = {
  from: IncomingTime.optional(),
  to: IncomingTime.optional(),
};

export const PageQuery = z.strictObject(paging);
export type PageQuery = z.infer<typeof PageQuery>;

/** How long to wait for the run that a request opens, e.g. `30s`: 1 to 600 seconds. Read as milliseconds. */
export const Wait = z
  .string()
  .regex(/^\d{1,3}s$/, 'must be seconds from 1s to 600s, e.g. 30s')
  .transform((text) => Number(text.slice(0, -1)) * 1000)
  .refine((ms) => ms >= 1000 && ms <= 600_000, 'must be seconds from 1s to 600s, e.g. 30s');
export const WaitQuery = z.strictObject({ wait: Wait.optional() });
export type WaitQuery = z.infer<typeof WaitQuery>;
