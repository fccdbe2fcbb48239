import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { commonHeaders, pagePolicy } from '../http/headers.ts';

/** What answers pages: Next's own request handler. */
export type PageHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The dashboard on the same origin. Pages get a strict policy whose nonce Next reads from the request and puts on its scripts. */
export class Web {
  readonly #handle: PageHandler;
  readonly #close: () => Promise<void>;

  constructor(handle: PageHandler, close: () => Promise<void>) {
    this.#handle = handle;
    this.#close = close;
  }

  async answer(request: FastifyRequest, reply: FastifyReply, secure: boolean): Promise<void> {
    const { nonce, policy } = pagePolicy();
    request.raw.headers['content-security-policy'] = policy;
    request.raw.headers['x-nonce'] = nonce;
    reply.hijack();
    for (const [name, value] of Object.entries(commonHeaders(secure))) reply.raw.setHeader(name, value);
    reply.raw.setHeader('content-security-policy', policy);
    reply.raw.setHeader('x-request-id', request.id);
    try {
      await this.#handle(request.raw, reply.raw);
    } catch (err) {
      // The reply is out of Fastify's hands: nobody else would end it.
      request.log.error({ err }, 'a page could not be rendered');
      if (!reply.raw.headersSent) reply.raw.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
      reply.raw.end(`This page could not be rendered; the log has the rest under the request id ${request.id}.\n`);
    }
  }

  close(): Promise<void> {
    return this.#close();
  }
}
