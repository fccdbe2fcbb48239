import { SessionBody } from '@tenon/contract';
import { TenonError } from '@tenon/lifecycle';
import type { FastifyInstance } from 'fastify';
import type { Deps } from '../context.ts';
import { checkOrigin, SESSION_COOKIE } from '../http/authenticate.ts';
import { FailedSignIns } from '../http/failed-sign-ins.ts';
import { parse } from '../http/validation.ts';
import { signIn, signOut } from '../use-cases/sign-in.ts';

/** Signing in and out: the only doors that need no credentials, because they give and take them. */
export function mountSession(app: FastifyInstance, deps: Deps, options: { readonly origin: string | null; readonly secure: boolean }): void {
  const failures = new FailedSignIns(deps.now);
  const cookie = { path: '/', httpOnly: true, sameSite: 'strict', secure: options.secure } as const;

  app.post('/api/v1/session', async (request, reply) => {
    if (request.headers.origin !== undefined) checkOrigin(request, options.origin);
    failures.check(request.ip);
    if (request.body === undefined) {
      throw new TenonError('malformed_body', 'the request has no body; signing in takes {"token": "…"}', {
        hint: 'Send it with `Content-Type: application/json`.',
      });
    }
    const { token } = parse(SessionBody, request.body);
    try {
      const session = await signIn(deps, token);
      return reply
        .setCookie(SESSION_COOKIE, session.cookie, { ...cookie, expires: new Date(session.expiresAt) })
        .code(200)
        .send(session.view);
    } catch (error) {
      if (error instanceof TenonError && error.code === 'unauthenticated') failures.add(request.ip);
      throw error;
    }
  });

  app.delete('/api/v1/session', async (request, reply) => {
    const text = request.cookies[SESSION_COOKIE];
    if (text !== undefined) {
      checkOrigin(request, options.origin);
      await signOut(deps, text);
    }
    return reply.clearCookie(SESSION_COOKIE, cookie).code(204).send();
  });
}
