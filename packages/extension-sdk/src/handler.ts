import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type CallStore, memoryStore } from './call-store.ts';
import { checkHookRequest, checkReleaseRequest } from './check-request.ts';
import { HookRunner, type Hooks } from './handle-hook.ts';
import { Refusal } from './refusal.ts';
import { SIGNATURE_HEADER, signAnswer, verifySignature } from './signature.ts';
import type { ListAnswer, Manifest, ReleaseAnswer, ReleaseRequest } from './wire.ts';

export interface HandlerOptions {
  readonly manifest: Manifest;
  /** One for each phase that the manifest hooks. */
  readonly hooks: Hooks;
  /**
   * Gives back what a call names: found by (sandbox, kind, key), or all that was made under `idempotencyKey` where `effects` is empty or a
   * handle is null. It must succeed where there is nothing (left) to give back. Answering nothing means that all of it is released.
   * Required where the manifest declares effects.
   */
  readonly release?: (request: ReleaseRequest) => Promise<ReleaseAnswer | undefined> | ReleaseAnswer | undefined;
  /** What the extension holds, for the audit; absent: not offered. */
  readonly list?: () => Promise<ListAnswer['effects']> | ListAnswer['effects'];
  /** The secret of the registration: calls must be signed with it, and answers are. Absent: neither. */
  readonly secret?: string;
  /** Where idempotency keys are remembered; default: in memory. */
  readonly store?: CallStore;
  /** Path before `/v1/...`, e.g. `/extensions/quota`. */
  readonly basePath?: string;
  /** Largest request that is read; default 8 MiB. */
  readonly maxBodyBytes?: number;
  /** Told of what went wrong inside `release` and `list`; default: console.error. */
  readonly onError?: (error: unknown) => void;
}

/** A listener for `node:http`, and the same as a function from Request to Response. */
export interface Handler extends RequestListener {
  (request: IncomingMessage, response: ServerResponse): void;
  fetch(request: Request): Promise<Response>;
}

interface Call {
  readonly method: string;
  readonly path: string;
  readonly header: (name: string) => string | null;
  readonly body: (maxBytes: number) => Promise<Uint8Array>;
}
interface Reply {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const DEFAULT_DEADLINE_MS = 10_000;
const MAX_DEADLINE_MS = 300_000;

/**
 * Makes the server side of an extension: checks signature and clock, size and shape of each call, runs every hook once for its idempotency
 * key, refuses hooks after a release with their key, and signs what it answers. Throws TypeError where manifest and functions do not match.
 */
export function createHandler(options: HandlerOptions): Handler {
  checkOptions(options);
  const core = new HandlerCore(options);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void core.answer(nodeCall(request)).then(({ status, headers, body }) => {
      if (response.destroyed) return;
      response.writeHead(status, headers);
      response.end(body, () => {
        // What was not read of a refused request would stand before the next one on this connection.
        if (!request.complete) request.destroy();
      });
    });
  };
  return Object.assign(listener, {
    async fetch(request: Request): Promise<Response> {
      const { status, headers, body } = await core.answer(fetchCall(request));
      return new Response(body, { status, headers });
    },
  });
}

function checkOptions({ manifest, hooks, release, secret }: HandlerOptions): void {
  const declared = manifest.hooks.map(({ phase }) => phase);
  for (const phase of declared) if (!Object.hasOwn(hooks, phase)) throw new TypeError(`the manifest hooks ${phase}, but there is no function for it in hooks`);
  for (const phase of Object.keys(hooks)) {
    if (!declared.some((name) => name === phase)) throw new TypeError(`there is a function for ${phase}, but the manifest does not hook it`);
  }
  if (!release && manifest.effects && manifest.effects.length > 0) throw new TypeError('the manifest declares effects, so release is required');
  if (secret === '') throw new TypeError('secret is empty: leave it out, or set the secret of the registration');
}

class HandlerCore {
  readonly #options: HandlerOptions;
  readonly #hooks: HookRunner;
  readonly #basePath: string;

  constructor(options: HandlerOptions) {
    this.#options = options;
    this.#hooks = new HookRunner(options.hooks, options.store ?? memoryStore());
    this.#basePath = (options.basePath ?? '').replace(/\/+$/, '');
  }

  /** Never rejects: whatever goes wrong is an answer. */
  async answer(call: Call): Promise<Reply> {
    try {
      const value = await this.#route(call);
      const body = JSON.stringify(value);
      const { secret } = this.#options;
      return { status: 200, headers: { 'content-type': 'application/json', ...(secret ? { [SIGNATURE_HEADER]: signAnswer(secret, body) } : {}) }, body };
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) this.#report(thrown);
      const refusal = thrown instanceof Refusal ? thrown : new Refusal(500, 'the extension failed; its own log says why');
      return { status: refusal.status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${refusal.message}\n` };
    }
  }

  async #route(call: Call): Promise<unknown> {
    const { manifest, secret, list, maxBodyBytes = 8_388_608 } = this.#options;
    const path = call.path.startsWith(`${this.#basePath}/`) ? call.path.slice(this.#basePath.length) : null;
    const offered = path === '/v1/describe' || path === '/v1/hook' || path === '/v1/release' || (path === '/v1/list' && list !== undefined);
    if (!offered) throw new Refusal(404, 'this path is not offered');
    if (call.method !== 'POST') throw new Refusal(405, 'every call is a POST');
    const bytes = await call.body(maxBodyBytes);
    if (secret) {
      const verdict = verifySignature({ header: call.header(SIGNATURE_HEADER), body: bytes, secret });
      if (!verdict.ok) throw new Refusal(401, verdict.reason);
    }
    const body = parse(bytes);
    if (path === '/v1/describe') return manifest;
    if (path === '/v1/list') return { effects: list ? await list() : [] };
    const deadlineMs = deadline(call.header('Tenon-Deadline-Ms'));
    if (path === '/v1/release') return this.#release(checkReleaseRequest(body), deadlineMs);
    return this.#hooks.run(checkHookRequest(body), { deadlineMs, traceparent: call.header('traceparent') });
  }

  async #release(request: ReleaseRequest, deadlineMs: number): Promise<ReleaseAnswer> {
    const keys = request.effects.map(({ key }) => key);
    const allFailed = (message: string): ReleaseAnswer => ({
      released: [],
      failed: (keys.length > 0 ? keys : [request.idempotencyKey]).map((key) => ({ key, message })),
    });
    // Half of the time for the hook to end, half for the release itself.
    if (!(await this.#hooks.fence(request.idempotencyKey, deadlineMs / 2))) return allFailed('a hook with this key is still running: try again');
    if (!this.#options.release) return { released: keys, failed: [] };
    try {
      const answer = await this.#options.release(request);
      return { released: answer ? (answer.released ?? []) : keys, failed: answer?.failed ?? [] };
    } catch (thrown) {
      this.#report(thrown);
      return allFailed(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  #report(error: unknown): void {
    (this.#options.onError ?? console.error)(error);
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (thrown) {
    throw new Refusal(400, `the body is not JSON: ${thrown instanceof Error ? thrown.message : 'unreadable'}`);
  }
}

function deadline(header: string | null): number {
  if (header === null) return DEFAULT_DEADLINE_MS;
  if (!/^\d{1,9}$/.test(header)) throw new Refusal(400, 'Tenon-Deadline-Ms must be a whole number of milliseconds');
  return Math.min(Math.max(Number(header), 1), MAX_DEADLINE_MS);
}

function nodeCall(request: IncomingMessage): Call {
  return {
    method: request.method ?? '',
    path: (request.url ?? '').split('?', 1)[0] ?? '',
    header: (name) => {
      const value = request.headers[name.toLowerCase()];
      return typeof value === 'string' ? value : null;
    },
    body: (maxBytes) => collect(request, maxBytes),
  };
}

function fetchCall(request: Request): Call {
  return {
    method: request.method,
    path: new URL(request.url).pathname,
    header: (name) => request.headers.get(name),
    body: async (maxBytes) => (request.body ? collect(request.body as unknown as AsyncIterable<Uint8Array>, maxBytes) : new Uint8Array()),
  };
}

async function collect(stream: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Not `for await`: leaving it would destroy the request before it can be answered.
  const reader = stream[Symbol.asyncIterator]();
  for (;;) {
    const next = await reader.next().catch((cause: unknown) => {
      throw new Refusal(400, `the body ended early: ${cause instanceof Error ? cause.message : String(cause)}`);
    });
    if (next.done) return Buffer.concat(chunks, bytes);
    bytes += next.value.length;
    if (bytes > maxBytes) throw new Refusal(413, `the body is larger than ${maxBytes} bytes`);
    chunks.push(next.value);
  }
}
