import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { openApiDocument } from '../http/openapi.ts';
import { restRoutes } from './routes.ts';

/** The OpenAPI document, and the page that shows it; its assets come from this server. */
export async function mountDocs(app: FastifyInstance, version: string): Promise<void> {
  const document = openApiDocument(restRoutes, version);
  const text = JSON.stringify(document);
  app.get('/api/v1/openapi.json', async (_request, reply) => reply.type('application/json; charset=utf-8').send(text));
  // The plugin types know OpenAPI 3.0 documents only; it passes this one on as it is.
  await app.register(swagger, { mode: 'static', specification: { document: document as never } });
  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    uiConfig: { docExpansion: 'list', deepLinking: true },
    staticCSP: true,
    theme: { title: 'Tenon API' },
  });
}
