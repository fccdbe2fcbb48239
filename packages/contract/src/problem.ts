import { ERROR_CODE_NAMES, type ErrorCode, PHASE_NAMES, type Phase } from '@tenon/vocabulary';
import { z } from 'zod';
import { Id, JsonAny } from './primitives.ts';

export const ErrorCodeName = z.enum(ERROR_CODE_NAMES as [ErrorCode, ...ErrorCode[]]);
export const PhaseName = z.enum(PHASE_NAMES as [Phase, ...Phase[]]);

/** RFC 9457 problem document: what every failure answers, as `application/problem+json`. */
export const ProblemView = z.object({
  /** URI reference of the code's page. */
  type: z.string(),
  /** What kind of thing went wrong, the same for every occurrence. */
  title: z.string(),
  status: z.number().int(),
  code: ErrorCodeName,
  /** What happened this time, for a person. */
  detail: z.string(),
  /** The way out. */
  hint: z.string().optional(),
  /** JSON Pointer into the request body, where one field is wrong. */
  pointer: z.string().optional(),
  requestId: z.string(),
  runId: Id.optional(),
  sandboxId: Id.optional(),
  extension: z.string().optional(),
  phase: PhaseName.optional(),
  /** Path inside a plan. */
  path: z.string().optional(),
  /** The other extension of a conflict. */
  conflictsWith: z.string().optional(),
  /** The hook's own code, where a hook spoke. */
  hookCode: z.string().optional(),
  attemptId: Id.optional(),
  /** Role that the caller lacks, for `forbidden`. */
  missingRole: z.string().optional(),
  /** For a lost race: the values as saved, their ETag, who saved them and why. */
  current: JsonAny.optional(),
});
export type ProblemView = z.infer<typeof ProblemView>;
