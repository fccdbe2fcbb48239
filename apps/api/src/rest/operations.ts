import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../telemetry/metrics.ts';

/** What a readiness probe is told. */
export interface Readiness {
  readonly ready: boolean;
  readonly store: 'ready' | 'unavailable';
  /** Every driver was asked; one that does not answer is degraded, not a reason to be unready. */
  readonly drivers: readonly { readonly name: string; readonly state: string }[];
}

/** What machines around the product read: they have no token. */
export function mountOperations(app: FastifyInstance, options: { readonly readiness: () => Promise<Readiness>; readonly metrics: Metrics }): void {
  app.get('/healthz', async () => ({ status: 'ok' }));

  app.get('/readyz', async (_request, reply) => {
    const readiness = await options.readiness();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });

  app.get('/metrics', async (_request, reply) => {
    reply.type(options.metrics.registry.contentType);
    return options.metrics.registry.metrics();
  });
}
