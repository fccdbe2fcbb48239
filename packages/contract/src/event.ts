import { EVENT_TYPES } from '@tenon/vocabulary';
import { z } from 'zod';
import { anyOf } from './list.ts';
import { Id, JsonMembers, Time } from './primitives.ts';

/** One server-sent event of `GET /api/v1/events`; `id` resumes by Last-Event-ID. */
export const EventView = z.object({
  id: z.string(),
  type: z.enum(EVENT_TYPES),
  at: Time,
  sandboxId: Id.nullable(),
  runId: Id.nullable(),
  data: JsonMembers,
});
export type EventView = z.infer<typeof EventView>;

/** Which events to send: all that the caller may see, unless narrowed. */
export const EventQuery = z.strictObject({
  type: anyOf(EVENT_TYPES).optional(),
  sandboxId: Id.optional(),
  runId: Id.optional(),
  /** Where a client cannot set the header: the last id that it saw. */
  lastEventId: z.string().max(64).optional(),
});
export type EventQuery = z.infer<typeof EventQuery>;
