import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** An extension out of process, written from the contract alone: plain node:http, a set of what it holds, fences, signatures. */

export interface HookCall {
  readonly contract: string;
  readonly phase: string;
  readonly extension: string;
  readonly revision: string;
  readonly run: { readonly id: string; readonly operation: string; readonly attempt: number; readonly idempotencyKey: string; readonly deadline: string };
  readonly sandbox: { readonly id: string; readonly name: string; readonly workspace: string };
  readonly config: Readonly<Record<string, unknown>>;
  readonly state: unknown;
  readonly plan: { readonly revision: number; readonly value: unknown; readonly open: readonly { readonly point: string; readonly path: string }[] };
  readonly shadow: boolean;
  readonly dryRun: boolean;
  readonly failure: { readonly code: string } | null;
}

interface ReleaseCall {
  readonly extension: string;
  readonly revision: string;
  readonly sandbox: { readonly id: string };
  readonly idempotencyKey: string;
  readonly effects: readonly { readonly kind: string; readonly key: string; readonly handle: unknown }[];
  readonly reason: string;
}

/** What the extension does with a hook call. `allocates`: it makes its effect before it does that. */
export type Behaviour =
  | { readonly does: 'answer'; readonly answer?: Readonly<Record<string, unknown>>; readonly allocates?: boolean }
  | { readonly does: 'hang' | 'cut' | 'garbage'; readonly allocates?: boolean }
  /** Answers rightly, but only after this time: what it makes, it makes then. */
  | { readonly does: 'late'; readonly afterMs: number }
  /** Writes these bytes, piece by piece. */
  | {
      readonly does: 'raw';
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly pieces: readonly (string | Buffer)[];
      readonly everyMs?: number;
      readonly allocates?: boolean;
    };

export interface ExtensionOptions {
  /** Name, revision, activation and hooks; `contract` is put in. */
  readonly manifest: Readonly<Record<string, unknown>> & { readonly name: string; readonly revision: string };
  /** What to do with a call; null or nothing: `ok`, with an effect in the phases of `allocatesIn`. */
  readonly behave?: (call: HookCall) => Behaviour | null | undefined;
  /** Whether a release of what is held works; default: it does. */
  readonly releases?: (call: ReleaseCall) => boolean;
  readonly allocatesIn?: readonly string[];
  readonly secret?: string;
  /** What it says of itself, instead of its manifest. */
  readonly describes?: string;
}

interface Held {
  readonly kind: string;
  readonly key: string;
  readonly sandboxId: string;
  readonly idempotencyKey: string;
}

export class ExtensionServer {
  readonly name: string;
  readonly manifest: Readonly<Record<string, unknown>>;
  readonly secret: string;
  /** Every hook call that came, in order. */
  readonly calls: HookCall[] = [];
  readonly releases: ReleaseCall[] = [];
  /** Every body that came, as its bytes were. */
  readonly bodies: string[] = [];
  /** What Tenon sent against the contract. */
  readonly faults: string[] = [];
  /** By kind, key and sandbox. */
  readonly #held = new Map<string, Held>();
  readonly #fenced = new Set<string>();
  readonly #options: ExtensionOptions;
  readonly #server: Server;
  readonly #hanging = new Set<ServerResponse>();
  #port = 0;

  private constructor(options: ExtensionOptions) {
    this.#options = options;
    this.name = options.manifest.name;
    this.manifest = { contract: 'tenon.dev/extension/v1', ...options.manifest };
    this.secret = options.secret ?? `secret of ${this.name}`;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.faults.push(`the extension itself failed: ${String(error)}`);
        response.destroy();
      });
    });
  }

  static async listen(options: ExtensionOptions): Promise<ExtensionServer> {
    const extension = new ExtensionServer(options);
    await new Promise<void>((settle) => extension.#server.listen(0, '127.0.0.1', settle));
    const address = extension.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    extension.#port = address.port;
    return extension;
  }

  get transport(): { kind: 'http'; url: string; secret: string; signedAnswers: boolean } {
    return { kind: 'http', url: `http://127.0.0.1:${this.#port}`, secret: this.secret, signedAnswers: true };
  }

  /** What it holds, all or of one sandbox: `kind key`. */
  held(sandboxId?: string): string[] {
    return [...this.#held.values()].filter((held) => sandboxId === undefined || held.sandboxId === sandboxId).map(({ kind, key }) => `${kind} ${key}`);
  }

  callsOf(sandboxId: string, phase?: string): HookCall[] {
    return this.calls.filter((call) => call.sandbox.id === sandboxId && (phase === undefined || call.phase === phase));
  }

  async close(): Promise<void> {
    for (const response of this.#hanging) response.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((settle) => this.#server.close(() => settle()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    this.bodies.push(body.toString('utf8'));
    const fault = this.#faultOf(request, body);
    if (fault !== null) {
      this.faults.push(`${request.method} ${request.url}: ${fault}`);
      response.writeHead(401).end(fault);
      return;
    }
    switch (request.url) {
      case '/v1/describe':
        return this.#answerText(response, this.#options.describes ?? JSON.stringify(this.manifest));
      case '/v1/hook':
        return this.#hook(JSON.parse(body.toString('utf8')) as HookCall, response);
      case '/v1/release':
        return this.#answer(response, this.#release(JSON.parse(body.toString('utf8')) as ReleaseCall));
      case '/v1/list':
        return this.#answer(response, { effects: [...this.#held.values()].map(({ kind, key, sandboxId }) => ({ kind, key, sandboxId })) });
      default:
        response.writeHead(404).end('not offered');
    }
  }

  /** What is wrong with a call by the contract's transport rules, or null. */
  #faultOf(request: IncomingMessage, body: Buffer): string | null {
    if (request.method !== 'POST') return 'every call is a POST';
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return `content-type ${request.headers['content-type']}`;
    if (!/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(String(request.headers.traceparent))) return `traceparent ${request.headers.traceparent}`;
    if (!/^[1-9]\d*$/.test(String(request.headers['tenon-deadline-ms']))) return `Tenon-Deadline-Ms ${request.headers['tenon-deadline-ms']}`;
    const [, seconds = '', mac = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request.headers['tenon-signature'])) ?? [];
    if (mac === '') return `Tenon-Signature ${request.headers['tenon-signature']}`;
    if (Math.abs(Date.now() / 1000 - Number(seconds)) > 60) return `Tenon-Signature of ${seconds}, another time`;
    return timingSafeEqual(Buffer.from(mac, 'hex'), Buffer.from(this.#mac(seconds, body), 'hex')) ? null : 'Tenon-Signature does not match';
  }

  #mac(seconds: string, body: string | Buffer): string {
    return createHmac('sha256', this.secret).update(`${seconds}.`).update(body).digest('hex');
  }

  #answer(response: ServerResponse, value: unknown): void {
    this.#answerText(response, JSON.stringify(value));
  }

  #answerText(response: ServerResponse, text: string): void {
    const seconds = String(Math.floor(Date.now() / 1000));
    response.writeHead(200, { 'content-type': 'application/json', 'tenon-signature': `t=${seconds},v1=${this.#mac(seconds, text)}` }).end(text);
  }

  async #hook(call: HookCall, response: ServerResponse): Promise<void> {
    this.calls.push(call);
    const behaviour = this.#options.behave?.(call) ?? { does: 'answer' };
    const makes: boolean | undefined =
      'allocates' in behaviour && behaviour.allocates !== undefined ? behaviour.allocates : this.#options.allocatesIn?.includes(call.phase);
    if (behaviour.does === 'late') await sleep(behaviour.afterMs);
    // The fence: after a release with its key a hook, running or late, makes nothing.
    if (this.#fenced.has(call.run.idempotencyKey)) {
      response.writeHead(409).end('this key was released');
      return;
    }
    const effects = makes === true ? [this.#allocate(call)] : [];
    switch (behaviour.does) {
      case 'late':
        return this.#answer(response, { result: 'ok', effects });
      case 'answer': {
        const { idempotencyKey, attempt } = call.run;
        const given = behaviour.answer ?? {};
        // Who fails or denies names no effects: what was made under the key is the engine's to release.
        return this.#answer(response, { result: 'ok', idempotencyKey, attempt, ...(given.result === undefined ? { effects } : {}), ...given });
      }
      case 'hang':
        this.#hanging.add(response);
        return;
      case 'cut':
        response.destroy();
        return;
      case 'garbage':
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"result": "ok", "effects": [');
        return;
      case 'raw':
        return this.#raw(response, behaviour);
    }
  }

  async #raw(response: ServerResponse, raw: Extract<Behaviour, { does: 'raw' }>): Promise<void> {
    const whole = Buffer.concat(raw.pieces.map((piece) => Buffer.from(piece)));
    const seconds = String(Math.floor(Date.now() / 1000));
    const signature = raw.everyMs === undefined ? { 'tenon-signature': `t=${seconds},v1=${this.#mac(seconds, whole)}` } : {};
    response.on('error', () => response.destroy());
    response.writeHead(raw.status ?? 200, { 'content-type': 'application/json', ...signature, ...raw.headers });
    if (raw.everyMs === undefined) {
      response.end(whole);
      return;
    }
    for (const piece of raw.pieces) {
      if (response.destroyed) return;
      response.write(piece);
      await sleep(raw.everyMs);
    }
    response.end();
  }

  /** The same sandbox and phase again gets what it holds. */
  #allocate(call: HookCall): { kind: string; key: string; handle: { of: string } } {
    const key = `${call.sandbox.id}/${call.phase}`;
    this.#held.set(`slot ${key} ${call.sandbox.id}`, { kind: 'slot', key, sandboxId: call.sandbox.id, idempotencyKey: call.run.idempotencyKey });
    return { kind: 'slot', key, handle: { of: call.sandbox.name } };
  }

  #release(call: ReleaseCall): { released: string[]; failed: { key: string; message: string }[] } {
    this.releases.push(call);
    const keys = call.effects.map(({ key }) => key);
    if (this.#options.releases !== undefined && !this.#options.releases(call)) {
      return { released: [], failed: (keys.length === 0 ? ['everything'] : keys).map((key) => ({ key, message: 'the pool does not take it back' })) };
    }
    this.#fenced.add(call.idempotencyKey);
    for (const { kind, key } of call.effects) this.#held.delete(`${kind} ${key} ${call.sandbox.id}`);
    // An answer was lost: everything made under the key is meant.
    if (call.effects.length === 0 || call.effects.some(({ handle }) => handle === null)) {
      for (const [place, held] of this.#held) if (held.idempotencyKey === call.idempotencyKey) this.#held.delete(place);
    }
    return { released: keys, failed: [] };
  }
}
