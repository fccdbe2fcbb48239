import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What becomes of one call on its way to the Engine. */
export type Fate =
  | { readonly kind: 'pass' }
  /** The Engine is never asked. */
  | { readonly kind: 'refuse'; readonly status: number; readonly message: string }
  /** The Engine does it and its answer is lost. */
  | { readonly kind: 'lose' }
  | { readonly kind: 'delay'; readonly ms: number };

export interface SeenCall {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

export interface EngineProxy {
  readonly host: string;
  readonly seen: readonly SeenCall[];
  /** The most calls of creates that were under way at one time. */
  readonly mostCreates: () => number;
  /** Decides about each call; null passes everything. */
  decide(fate: ((call: SeenCall) => Fate) | null): void;
  /** Cuts every connection that is open: streams end. */
  cutAll(): void;
  close(): Promise<void>;
}

/** A line to a real Engine that can refuse, lose and delay what passes. */
export async function engineProxy(engineHost: string): Promise<EngineProxy> {
  const directory = await mkdtemp(join(tmpdir(), 'tenon-engine-'));
  const socketPath = join(directory, 'engine.sock');
  const seen: SeenCall[] = [];
  const open = new Set<ServerResponse>();
  let fateOf: ((call: SeenCall) => Fate) | null = null;
  let creates = 0;
  let most = 0;

  async function forward(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const call = { method: incoming.method ?? 'GET', url: incoming.url ?? '/', body: body.toString('utf8') };
    seen.push(call);
    const fate = fateOf?.(call) ?? { kind: 'pass' };
    if (fate.kind === 'refuse')
      return void answer.writeHead(fate.status, { 'content-type': 'application/json' }).end(JSON.stringify({ message: fate.message }));
    if (fate.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, fate.ms));
    const isCreate = call.url.startsWith('/containers/create');
    if (isCreate) {
      creates += 1;
      most = Math.max(most, creates);
    }
    const engine = request({ socketPath: engineHost.slice('unix://'.length), method: call.method, path: call.url, headers: incoming.headers }, (from) => {
      if (isCreate) creates -= 1;
      if (fate.kind === 'lose') {
        from.resume();
        from.once('end', () => answer.destroy());
        return;
      }
      answer.writeHead(from.statusCode ?? 500, from.headers);
      answer.flushHeaders();
      from.pipe(answer);
      answer.once('close', () => from.destroy());
    });
    engine.once('error', () => answer.destroy());
    engine.end(body);
  }

  const server = createServer((incoming, answer) => {
    open.add(answer);
    answer.once('close', () => open.delete(answer));
    forward(incoming, answer).catch(() => answer.destroy());
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    host: `unix://${socketPath}`,
    seen,
    mostCreates: () => most,
    decide(fate) {
      fateOf = fate;
    },
    cutAll() {
      for (const answer of open) answer.destroy();
    },
    async close() {
      for (const answer of open) answer.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
