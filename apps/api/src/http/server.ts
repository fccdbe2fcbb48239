import cookie from '@fastify/cookie';
import { newId, TenonError } from '@tenon/lifecycle';
import { type FastifyTRPCPluginOptions, fastifyTRPCPlugin } from '@trpc/server/adapters/fastify';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Logger } from 'pino';
import type { Deps } from '../context.ts';
import { mountDocs } from '../rest/docs.ts';
import { mountEvents } from '../rest/events.ts';
import { mountOperations, type Readiness } from '../rest/operations.ts';
import { restRoutes } from '../rest/routes.ts';
import { mountSession } from '../rest/session.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type AppRouter, appRouter } from '../trpc/router.ts';
import type { Web } from '../web/web.ts';
import { callOf, requireCaller } from './authenticate.ts';
import { BODY_LIMIT, takeJsonBodies } from './body.ts';
import { closeInTime } from './close-in-time.ts';
import { answerWithProblems, sendProblem } from './errors.ts';
import { commonHeaders, setSecurityHeaders } from './headers.ts';
import { mount } from './route.ts';

export interface ServerOptions {
  readonly deps: Deps;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly readiness: () => Promise<Readiness>;
  /** How browsers reach it, where that is configured. */
  readonly publicUrl: string | null;
  /** The dashboard; null where it is not built or switched off. */
  readonly web: Web | null;
}

/** The one origin: tRPC, REST, events, docs, probes and the dashboard. */
export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { deps, metrics, web } = options;
  const origin = options.publicUrl === null ? null : new URL(options.publicUrl).origin;
  const secure = origin?.startsWith('https:') ?? false;
  const app: FastifyInstance = Fastify({
    loggerInstance: options.logger as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    requestIdHeader: false,
    // No hook runs for these: the headers are set here.
    frameworkErrors: (error, request, reply) => sendProblem(request, reply.headers({ ...commonHeaders(secure), 'x-request-id': request.id }), error),
    routerOptions: { maxParamLength: 1024 },
    forceCloseConnections: 'idle',
  });
  await app.register(cookie);
  closeInTime(app);
  takeJsonBodies(app);
  answerWithProblems(app);
  setSecurityHeaders(app, secure);
  app.addHook('onResponse', async (request, reply) => {
    metrics.request(request.method, request.routeOptions.url ?? (web === null ? 'none' : 'web'), reply.statusCode, reply.elapsedTime / 1000);
    const level = reply.statusCode >= 500 ? 'warn' : 'debug';
    request.log[level]({ method: request.method, route: request.routeOptions.url, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }, 'answered');
  });

  mountOperations(app, options);
  mountSession(app, deps, { origin, secure });
  await mountDocs(app, deps.version);
  await app.register(async (closed) => {
    requireCaller(closed, deps, origin);
    mount(closed, deps, restRoutes);
    const events = mountEvents(closed, deps);
    closed.addHook('preClose', async () => events.endAll());
    await closed.register(fastifyTRPCPlugin, trpcOptions(deps));
  });
  app.setNotFoundHandler((request, reply) => {
    const page = (request.method === 'GET' || request.method === 'HEAD') && !/^\/(api|trpc|healthz|readyz|metrics)(\/|\?|$)/.test(request.url);
    if (web !== null && page) return web.answer(request, reply, secure);
    throw new TenonError('not_found', `there is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}`, { hint: '/api/docs lists what there is.' });
  });
  return app;
}

function trpcOptions(deps: Deps): FastifyTRPCPluginOptions<AppRouter> & { prefix: string } {
  return {
    prefix: '/trpc',
    trpcOptions: {
      router: appRouter,
      createContext: ({ req }) => ({ deps, call: callOf(req) }),
      onError: ({ error, path }) => {
        if (error.code === 'INTERNAL_SERVER_ERROR') deps.log.error({ err: error.cause ?? error, path }, 'a procedure failed');
      },
      allowMethodOverride: false,
    },
  };
}

/** The caller's own request id where it is a plain one, so that both sides' logs meet. */
function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(header) ? header : newId();
}
