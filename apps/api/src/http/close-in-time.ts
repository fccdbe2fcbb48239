import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** How long requests in flight have to end once the server closes. */
const IN_FLIGHT_MS = 5_000;

/**
 * Closing waits for requests in flight, and for nothing else. Browsers and pools open connections ahead of need; Node counts one that never
 * carried a request as busy, so that a server would wait for it for ever.
 */
export function closeInTime(app: FastifyInstance): void {
  const unused = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.server.on('request', (request: { readonly socket: Socket }) => unused.delete(request.socket));
  app.addHook('preClose', async () => {
    for (const socket of unused) socket.destroy();
    setTimeout(() => app.server.closeAllConnections(), IN_FLIGHT_MS).unref();
  });
}
