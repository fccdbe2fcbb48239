import { EXTENSION_NAME, SANDBOX_NAME } from '@tenon/vocabulary';
import { z } from 'zod';

/** The small values that every noun of the contract is made of. */

/** Opaque: ours are UUID v7, a gateway's are taken verbatim. */
export const Id = z.string().min(1).max(256);

/** ISO 8601 UTC with milliseconds. */
export const Time = z.iso.datetime({ precision: 3 });

/** A point in time as a caller may write it: any ISO 8601 date and time with an offset. */
export const IncomingTime = z.iso.datetime({ offset: true, error: 'must be an ISO 8601 time with an offset, e.g. 2026-11-24T10:00:00Z' });

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonRecord = { [key: string]: JsonValue };

/** Any JSON value. Depth and size are judged once, when the body is read. */
export const JsonAny: z.ZodType<JsonValue, JsonValue> = z.any().meta({ description: 'Any JSON value' });

/** A JSON object with any members. */
export const JsonMembers: z.ZodType<JsonRecord, JsonRecord> = z.record(z.string(), JsonAny);

/** Text that a person gives as the reason of a change. */
export const Reason = z
  .string({ error: 'a reason is required: one line that says why, kept in the audit' })
  .trim()
  .min(1, 'must say why: it is kept in the audit')
  .max(1000);

const noDoubleDash = (value: string) => !value.includes('--');

/** Name of a sandbox or workspace over REST. */
export const SandboxName = z
  .string()
  .regex(SANDBOX_NAME, 'must be 1 to 63 lower-case letters, digits and dashes, beginning and ending with a letter or digit')
  .refine(noDoubleDash, 'must not contain `--`');

/** Name of a workspace where it is only referred to: a gateway's are verbatim. */
export const WorkspaceRef = z.string().min(1).max(253);

/** Name of a driver as requests use it. */
export const DriverName = z.string().min(1).max(128);

/** Name of an extension. */
export const ExtensionName = z
  .string()
  .min(1)
  .max(128)
  .regex(EXTENSION_NAME, 'must be letters, digits, dots, dashes and underscores')
  .refine((value) => value !== '.' && value !== '..', 'must not be `.` or `..`');

/** Duration in milliseconds, zero or more. */
export const Millis = z.number().int().nonnegative();
export const Count = z.number().int().nonnegative();

/** Claims about the caller; absent ones are absent, never empty. */
export const ClaimsView = z.strictObject({
  tenant: z.string().min(1).max(256).optional(),
  user: z.string().min(1).max(256).optional(),
  policy: z.string().min(1).max(256).optional(),
});
export type ClaimsView = z.infer<typeof ClaimsView>;
