import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';

const COMMON = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

const API_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** Security headers of everything but pages, which have a policy with a nonce of their own. */
export function setSecurityHeaders(app: FastifyInstance, secure: boolean): void {
  const fixed = commonHeaders(secure);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(fixed);
    reply.header('x-request-id', request.id);
  });
  app.addHook('onSend', async (request, reply) => {
    if (reply.getHeader('content-security-policy') === undefined) reply.header('content-security-policy', API_CSP);
    if (reply.getHeader('cache-control') === undefined && request.url.startsWith('/api/v1')) reply.header('cache-control', 'no-store');
  });
}

export function commonHeaders(secure: boolean): Readonly<Record<string, string>> {
  return secure ? { ...COMMON, 'strict-transport-security': 'max-age=31536000' } : COMMON;
}

/** The policy of one page: scripts and styles only with its nonce. Rendered style attributes need the one exception. */
export function pagePolicy(): { readonly nonce: string; readonly policy: string } {
  const nonce = randomBytes(16).toString('base64');
  const policy = [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'`,
    `style-src 'self' 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { nonce, policy };
}
