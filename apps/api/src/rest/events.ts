import { EventQuery } from '@tenon/contract';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Deps } from '../context.ts';
import { callOf } from '../http/authenticate.ts';
import { parse } from '../http/validation.ts';
import { allow } from '../policy/act.ts';
import { followEvents } from '../use-cases/follow-events.ts';

/** Server-sent events, resumable by Last-Event-ID. */
export function mountEvents(app: FastifyInstance, deps: Deps): { readonly endAll: () => void } {
  const open = new Set<AbortController>();

  app.get('/api/v1/events', async (request, reply) => {
    const call = callOf(request);
    const query = parse(EventQuery, request.query, 'query');
    await allow(deps, call, 'event.read', { kind: 'event', name: '*' });
    const header = request.headers['last-event-id'];
    const end = new AbortController();
    open.add(end);
    request.raw.once('close', () => end.abort());
    reply.raw.once('close', () => end.abort());
    reply.hijack();
    reply.raw.writeHead(200, {
      ...streamHeaders(reply),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    try {
      await followEvents(
        deps,
        call,
        { query, after: (typeof header === 'string' ? header : undefined) ?? query.lastEventId ?? null, signal: end.signal },
        (text) => write(reply, text, end.signal),
      );
    } catch (err) {
      request.log.warn({ err }, 'an event stream ended early; the client resumes it');
    } finally {
      open.delete(end);
      reply.raw.end();
    }
  });

  return {
    endAll: () => {
      for (const stream of open) stream.abort();
    },
  };
}

function streamHeaders(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
}

/** Waits where the client reads slower than events come: nothing piles up in memory. */
async function write(reply: FastifyReply, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || reply.raw.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      reply.raw.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    reply.raw.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
