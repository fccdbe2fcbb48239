import type { IncomingMessage, ServerResponse } from 'node:http';

export interface NextServer {
  prepare(): Promise<void>;
  getRequestHandler(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  close(): Promise<void>;
}

export function nextServer(options: { dev: boolean; dir: string; hostname: string; port: number }): NextServer;
