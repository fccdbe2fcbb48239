import { ROLES } from '@tenon/vocabulary';
import { z } from 'zod';
import { paging } from './list.ts';
import { ClaimsView, Id, IncomingTime, Time, WorkspaceRef } from './primitives.ts';

export const TokenBody = z.strictObject({
  name: z.string().trim().min(1).max(128),
  role: z.enum(ROLES, { error: `must be one of ${ROLES.join(', ')}` }),
  /** Null or absent: all workspaces. */
  workspaces: z.array(WorkspaceRef).min(1, 'must name at least one workspace; leave it out for all').max(200).nullable().default(null),
  claims: ClaimsView.default({}),
  /** Whether requests under this token may carry claims of their own. */
  assertClaims: z.boolean().default(false),
  /** Null or absent: it does not expire. */
  expiresAt: IncomingTime.nullable().default(null),
});
export type TokenBody = z.infer<typeof TokenBody>;

export const TokenView = z.object({
  id: Id,
  name: z.string(),
  role: z.enum(ROLES),
  workspaces: z.array(z.string()).nullable(),
  claims: ClaimsView,
  assertClaims: z.boolean(),
  createdAt: Time,
  createdBy: z.string(),
  expiresAt: Time.nullable(),
  revokedAt: Time.nullable(),
});
export type TokenView = z.infer<typeof TokenView>;

/** A token as it is issued: its text this once. A replayed answer has `secretShown: false` and no text. */
export const TokenIssuedView = TokenView.extend({ token: z.string().nullable(), secretShown: z.boolean() });
export type TokenIssuedView = z.infer<typeof TokenIssuedView>;

export const TokenListQuery = z.strictObject(paging);
export type TokenListQuery = z.infer<typeof TokenListQuery>;
