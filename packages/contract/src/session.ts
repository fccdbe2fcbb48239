import { ROLES } from '@tenon/vocabulary';
import { z } from 'zod';
import { ClaimsView, Id, Time } from './primitives.ts';

export const SessionBody = z.strictObject({ token: z.string().min(1).max(512) });
export type SessionBody = z.infer<typeof SessionBody>;

/** Who is signed in and what they may do. */
export const SessionView = z.object({
  /** `session`: signed in by cookie; `token`: a bearer token. */
  kind: z.enum(['session', 'token']),
  /** Name of the token behind it. */
  name: z.string(),
  tokenId: Id,
  role: z.enum(ROLES),
  /** Null: all workspaces. */
  workspaces: z.array(z.string()).nullable(),
  claims: ClaimsView,
  assertClaims: z.boolean(),
  /** When the session, or else the token, ends. */
  expiresAt: Time.nullable(),
  /** Version of the product. */
  version: z.string(),
});
export type SessionView = z.infer<typeof SessionView>;
