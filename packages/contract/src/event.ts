import { EVENT_TYPES } from '@tenon/vocabulary';
import { z } from 'zod';
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
