import { newId, systemClock, type TokenRecord } from '@tenon/lifecycle';
import { type EngineBench, type EngineBenchOptions, openEngine } from '@tenon/lifecycle/testing';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import type { Deps } from '../src/context.ts';
import { buildServer, type ServerOptions } from '../src/http/server.ts';
import { Metrics } from '../src/telemetry/metrics.ts';
import { hashOf } from '../src/use-cases/manage-tokens.ts';

export interface Ask {
  /** A token's text; absent: the admin's; null: none. */
  readonly as?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiBench extends EngineBench {
  readonly app: FastifyInstance;
  readonly deps: Deps;
  readonly admin: string;
  /** Asks `METHOD /path` of the REST door. */
  ask(what: string, options?: Ask): Promise<LightMyRequestResponse & { readonly data: Answered }>;
  /** Adds a token straight to the store; answers its text. */
  token(change: Partial<TokenRecord>): Promise<string>;
  close(): Promise<void>;
}

// Answers are looked into by tests of every shape: the contract's schemas judge them where types matter.
// biome-ignore lint/suspicious/noExplicitAny: a test reads any member of any answer
export type Answered = any;

/** The whole API over the real engine, on memory. */
export async function openApi(options: Partial<EngineBenchOptions> & Partial<Pick<ServerOptions, 'publicUrl' | 'web'>> = {}): Promise<ApiBench> {
  return serveApi(await openEngine(options), options);
}

/** The API over an engine that is there: a second replica of a first one, for instance. */
export async function serveApi(bench: EngineBench, options: Partial<Pick<ServerOptions, 'publicUrl' | 'web'>> = {}): Promise<ApiBench> {
  const deps: Deps = { engine: bench.engine, store: bench.store, log: pino({ level: 'silent' }), now: systemClock.now, version: '0.0.0-test', newId };
  const app = await buildServer({
    deps,
    logger: pino({ level: process.env.API_TEST_LOG ?? 'silent' }),
    metrics: new Metrics(),
    readiness: async () => ({ ready: true, store: 'ready', drivers: [] }),
    publicUrl: options.publicUrl ?? null,
    web: options.web ?? null,
  });
  await app.ready();
  const token = async (change: Partial<TokenRecord>): Promise<string> => {
    const text = `test_${newId()}`;
    await bench.store.addToken({
      id: newId(),
      name: 'tester',
      role: 'admin',
      workspaces: null,
      claims: {},
      assertClaims: false,
      createdAt: 0,
      createdBy: 'test',
      expiresAt: null,
      revokedAt: null,
      ...change,
      hash: hashOf(text),
    });
    return text;
  };
  const admin = await token({ name: 'root' });
  return {
    ...bench,
    app,
    deps,
    admin,
    token,
    async ask(what, { as = admin, body, headers = {} } = {}) {
      const [method = 'GET', path = '/'] = what.split(' ');
      const response = await app.inject({
        method: method as 'GET',
        url: path.startsWith('/api') || path.startsWith('/trpc') || !path.startsWith('/') ? path : `/api/v1${path}`,
        headers: {
          ...(as === null ? {} : { authorization: `Bearer ${as}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const type = String(response.headers['content-type'] ?? '');
      return Object.assign(response, { data: type.includes('json') && response.body !== '' ? JSON.parse(response.body) : response.body });
    },
    close: () => app.close(),
  };
}
