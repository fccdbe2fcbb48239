import { TenonError } from '@tenon/lifecycle';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Call, Deps } from '../context.ts';
import { callOf } from './authenticate.ts';
import { type Answer, once } from './idempotency.ts';
import { assertStorable } from './storable.ts';
import { parse } from './validation.ts';

/** What a handler gets: everything parsed. */
export interface RouteContext<Q, B> {
  readonly deps: Deps;
  readonly call: Call;
  readonly params: (name: string) => string;
  readonly query: Q;
  readonly body: B;
  /** The version that If-Match names; null where the header is absent, -1 where it names none of ours. */
  readonly ifMatch: number | null;
  /** Fires when the caller has gone, or the server closes. */
  readonly signal: AbortSignal;
}

/** One REST route, as data: the server mounts it and the OpenAPI document describes it. */
export interface Route<Q extends z.ZodType = z.ZodType, B extends z.ZodType = z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below /api/v1, with `{name}` for parameters. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly query?: Q;
  readonly body?: B;
  /** What it answers, by status; a text is a media type. */
  readonly answers: Readonly<Record<number, z.ZodType | string | null>>;
  /** POST without a side effect takes no Idempotency-Key. */
  readonly repeatable?: boolean;
  readonly takesIfMatch?: 'required' | 'optional';
  readonly handle: (context: RouteContext<z.output<Q>, z.output<B>>) => Promise<Answer>;
}

/** Infers what the handler gets from the route's own schemas. */
export function route<Q extends z.ZodType = z.ZodObject<Record<string, never>>, B extends z.ZodType = z.ZodUndefined>(spec: Route<Q, B>): Route {
  // Erased here, once: the handler is only ever called with what these very schemas answered.
  return spec as unknown as Route;
}

export function mount(app: FastifyInstance, deps: Deps, routes: readonly Route[]): void {
  // Who waits for a run when the server closes is answered with the run as it stands.
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());
  for (const spec of routes) {
    app.route({
      method: spec.method,
      url: `/api/v1${spec.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
      handler: (request, reply) => handle(deps, spec, request, reply, closing.signal),
    });
  }
}

const NOTHING = z.strictObject({});

async function handle(deps: Deps, spec: Route, request: FastifyRequest, reply: FastifyReply, closing: AbortSignal): Promise<FastifyReply> {
  const call = callOf(request);
  const params = request.params as Record<string, string>;
  assertStorable(params);
  assertStorable(request.query);
  const context: RouteContext<unknown, unknown> = {
    deps,
    call,
    params: (name) => params[name] ?? '',
    query: parse(spec.query ?? NOTHING, request.query, 'query'),
    body: bodyOf(spec, request),
    ifMatch: ifMatchOf(spec, request),
    // Made where somebody waits: most requests never ask for it.
    get signal() {
      return AbortSignal.any([goneSignal(reply), closing]);
    },
  };
  const key = request.headers['idempotency-key'];
  const work = () => spec.handle(context);
  const keyed = spec.method === 'POST' && spec.repeatable !== true && typeof key === 'string';
  const answer = keyed ? await once(deps, call, { key, method: spec.method, url: request.url, body: request.body }, work) : await work();
  return send(reply, answer);
}

const JSON_TYPE = 'application/json; charset=utf-8';

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  reply.code(answer.status);
  if (answer.headers !== undefined) reply.headers(answer.headers);
  if (answer.status === 204 || answer.body === undefined) return reply.send();
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  if (answer.headers?.['content-type'] === undefined) return reply.header('content-type', JSON_TYPE).send(text);
  // Bytes, because Fastify adds a charset to JSON text, and problem documents have none. Text else: Node writes it together with the head.
  return reply.send(Buffer.from(text));
}

function bodyOf(spec: Route, request: FastifyRequest): unknown {
  if (spec.body === undefined) {
    if (request.body !== undefined && request.body !== null) parse(NOTHING, request.body);
    return undefined;
  }
  if (request.body === undefined || request.body === null) {
    throw new TenonError('malformed_body', 'the request has no body, and this one takes a JSON object', {
      hint: 'Send it with `Content-Type: application/json`.',
    });
  }
  return parse(spec.body, request.body);
}

function ifMatchOf(spec: Route, request: FastifyRequest): number | null {
  if (spec.takesIfMatch === undefined) return null;
  const header = request.headers['if-match'];
  if (header === undefined) {
    if (spec.takesIfMatch === 'optional') return null;
    throw new TenonError('precondition_required', 'this change takes an If-Match header with the ETag that you saw', {
      hint: 'GET it, and send its ETag as If-Match.',
    });
  }
  const version = /^(?:W\/)?"(\d{1,15})"$/.exec(header.trim())?.[1];
  return version === undefined ? -1 : Number(version);
}

function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return gone.signal;
}
