import { TenonError } from '@tenon/lifecycle';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Call, Deps, Principal } from '../context.ts';
import { principalOfSession, principalOfToken, unauthenticated } from '../use-cases/sign-in.ts';

export const SESSION_COOKIE = 'tenon_session';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/** Every request below this door has a caller: by bearer token, or by the session cookie. */
export function requireCaller(app: FastifyInstance, deps: Deps, origin: string | null): void {
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request) => {
    request.principal = await authenticate(deps, request, origin);
  });
}

export function callOf(request: FastifyRequest): Call {
  if (request.principal === null) throw unauthenticated('the request carries no credentials');
  return { principal: request.principal, requestId: request.id };
}

async function authenticate(deps: Deps, request: FastifyRequest, origin: string | null): Promise<Principal> {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const token = /^Bearer +([\x21-\x7e]{1,512})$/i.exec(header)?.[1];
    if (token === undefined) throw unauthenticated('the Authorization header is not `Bearer <token>`');
    return principalOfToken(deps, token);
  }
  const cookie = request.cookies[SESSION_COOKIE];
  if (cookie === undefined || cookie.length > 512) throw unauthenticated('the request carries no credentials');
  if (request.method !== 'GET' && request.method !== 'HEAD') checkOrigin(request, origin);
  return principalOfSession(deps, cookie);
}

/**
 * A browser sends cookies from anywhere: what changes something must come from a page of ours. Browsers say so by Origin, or, where they
 * leave that out, by Sec-Fetch-Site; who says neither is no browser and has a bearer token to use.
 */
export function checkOrigin(request: FastifyRequest, publicOrigin: string | null): void {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (origin === undefined ? site === 'same-origin' : origin === publicOrigin || (URL.canParse(origin) && new URL(origin).host === host)) return;
  const said = origin === undefined ? 'no Origin' : `the Origin \`${origin.slice(0, 200)}\``;
  throw new TenonError('forbidden', `a change under a session cookie must come from this site's own pages; the request has ${said}`, {
    hint: 'Use a bearer token outside the browser. Behind a proxy, set TENON_PUBLIC_URL to the address that browsers use.',
  });
}
