import { ExtensionName, Id, Reason, RemoveQuery } from '@tenon/contract';
import { z } from 'zod';

/** Inputs that only say which object is meant, or how it goes. REST has the same in its paths and queries. */
export const ById = z.strictObject({ id: Id });
export const ByRun = z.strictObject({ runId: Id });
export const ByName = z.strictObject({ name: ExtensionName });
export const Removal = RemoveQuery;
/** The version of an object that the caller saw. */
export const Seen = z.strictObject({ id: Id, version: z.number().int().nonnegative() });
export const Reasoned = z.strictObject({ reason: Reason });
/** Where nothing is left to show. */
export const Done = z.object({ done: z.boolean() });
