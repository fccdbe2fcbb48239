import { SessionView } from '@tenon/contract';
import { getSession } from '../use-cases/sign-in.ts';
import { procedure, router } from './base.ts';

/** Who is signed in. Signing in and out is REST's, because it sets a cookie. */
export const session = router({
  me: procedure.output(SessionView).query(({ ctx }) => getSession(ctx.deps, ctx.call)),
});
