import { randomBytes } from 'node:crypto';
import { WireListAnswer, Manifest as WireManifest, WireReleaseAnswer } from '@tenon/contract';
import type { ExtensionClient, HookCall, Manifest, ReleaseCall, RevisionRecord, Transport } from '@tenon/lifecycle';
import { TenonError } from '@tenon/lifecycle';
import { CONTRACT_VERSION, isPhase } from '@tenon/vocabulary';
import { Pool } from 'undici';
import { type AnswerLimits, answerLimits } from '../limits/answer-limits.ts';
import { joinReleased, judgeHookAnswer, judgeReleased, releaseBatches } from '../limits/hook-answer.ts';
import { judge, oneLine, protocolError, readJson } from '../limits/read-answer.ts';
import { SIGNATURE_HEADER, sign, signatureFault } from '../limits/signature.ts';
import { checkTarget, DEFAULT_ALLOWED_TARGETS, type Target } from '../limits/target.ts';
import { postJson } from './post-json.ts';

export interface HttpTransportOptions {
  /** The operator's allow-list (`checkTarget` says what an entry may be); default: loopback and Unix sockets. */
  readonly allowedTargets?: readonly string[];
  /** Caps on answers, and the deadline of describe and list; the engine's limits fit as they are. */
  readonly limits?: Partial<AnswerLimits>;
}

/** Connections kept to one extension; more calls wait for a free one. */
const CONNECTIONS_PER_TARGET = 128;

/**
 * Extensions reached over HTTP, as contract.md has it. `open` throws `target_not_allowed` (or `validation_failed`) where the address
 * may not be called, so a registration and a changed allow-list are judged alike.
 */
export function httpTransport(options: HttpTransportOptions = {}): Transport {
  const limits = answerLimits(options.limits);
  const allowed = options.allowedTargets ?? DEFAULT_ALLOWED_TARGETS;
  const pools = new Map<string, Pool>();
  const poolOf = (target: Target): Pool => {
    const name = nameOf(target);
    const pool = pools.get(name) ?? poolTo(target);
    pools.set(name, pool);
    return pool;
  };
  return {
    kind: 'http',
    open(revision, secret) {
      if (revision.transport.kind !== 'http') return null;
      if (revision.transport.url === null)
        throw new TenonError('validation_failed', `${revision.extension} is registered over HTTP without a URL`, { pointer: '/transport/url' });
      const target = checkTarget(revision.transport.url, allowed);
      if (revision.transport.signedAnswers && secret === null) {
        throw new TenonError('validation_failed', `${revision.extension} demands signed answers, but has no secret to check them with`, {
          pointer: '/transport/secret',
          hint: 'Register it with a secret, or without signedAnswers.',
        });
      }
      return new HttpClient({ revision, secret, limits, basePath: target.kind === 'tcp' ? target.basePath : '', pool: () => poolOf(target) });
    },
    async close() {
      const open = [...pools.values()];
      pools.clear();
      await Promise.all(open.map((pool) => pool.destroy()));
    },
  };
}

function nameOf(target: Target): string {
  return target.kind === 'unix' ? `unix:${target.socketPath}` : originOf(target);
}

function originOf(target: Extract<Target, { kind: 'tcp' }>): string {
  return `${target.tls ? 'https' : 'http'}://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
}

function poolTo(target: Target): Pool {
  const common = { connections: CONNECTIONS_PER_TARGET, pipelining: 1 };
  if (target.kind === 'unix') return new Pool('http://localhost', { ...common, socketPath: target.socketPath });
  const { pinned } = target;
  if (!pinned) return new Pool(originOf(target), common);
  // No resolver is asked: a name that was judged as loopback cannot be made to lead elsewhere afterwards.
  const lookup = (_host: string, query: { all?: boolean }, done: (error: null, address: unknown, family?: number) => void) =>
    query.all ? done(null, pinned) : done(null, pinned[0]?.address, pinned[0]?.family);
  return new Pool(originOf(target), { ...common, connect: { lookup: lookup as never, autoSelectFamily: true } as never });
}

interface HttpClientParts {
  readonly revision: RevisionRecord;
  readonly secret: string | null;
  readonly limits: AnswerLimits;
  readonly basePath: string;
  /** Made when first used, and again after the transport was closed. */
  readonly pool: () => Pool;
}

interface Call {
  readonly path: '/v1/describe' | '/v1/hook' | '/v1/release' | '/v1/list';
  readonly body: unknown;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly traceparent?: string;
}

/** `missing`: the path was answered with 404, that is, the extension does not offer it. */
type Answered = { readonly missing: false; readonly value: unknown } | { readonly missing: true };

class HttpClient implements ExtensionClient {
  readonly effects = null;
  readonly shared = null;
  readonly #parts: HttpClientParts;
  #listOffered = true;

  constructor(parts: HttpClientParts) {
    this.#parts = parts;
  }

  async describe(signal: AbortSignal): Promise<Manifest> {
    const who = this.#who('/v1/describe');
    const answer = await this.#call({ path: '/v1/describe', body: {}, deadlineMs: this.#parts.limits.hookDeadlineMs, signal });
    if (answer.missing) throw protocolError(who, 'it answers 404, so there is no manifest to compare: every extension must offer this path');
    const manifest = judge(WireManifest, answer.value, who);
    const hooks = manifest.hooks.map((hook) => {
      const { phase } = hook;
      if (!isPhase(phase)) throw protocolError(who, `the manifest hooks ${JSON.stringify(phase)}, which is no phase`);
      return { ...hook, phase };
    });
    return { ...manifest, hooks };
  }

  async hook(call: HookCall) {
    const who = this.#who('/v1/hook');
    const { driver, revision, value, open } = call.plan;
    const body = { contract: CONTRACT_VERSION, ...call.input, plan: { driver, revision, value, open } };
    const answer = await this.#call({ path: '/v1/hook', body, deadlineMs: call.deadlineMs, signal: call.signal(), traceparent: call.traceparent });
    if (answer.missing) throw protocolError(who, 'it answers 404: every extension must offer this path');
    return judgeHookAnswer(answer.value, call, who, this.#parts.limits);
  }

  async release(call: ReleaseCall) {
    const started = performance.now();
    const answers = [];
    for (const batch of releaseBatches(call.effects)) {
      const { extension, revision, sandbox, idempotencyKey, reason } = call;
      const effects = batch.map(({ kind, key, handle }) => ({ kind, key, handle }));
      const body = { extension, revision, sandbox: { id: sandbox.id, name: sandbox.name, workspace: sandbox.workspace }, idempotencyKey, effects, reason };
      const deadlineMs = Math.max(1, Math.ceil(call.deadlineMs - (performance.now() - started)));
      const answer = await this.#call({ path: '/v1/release', body, deadlineMs, signal: call.signal, traceparent: call.traceparent });
      if (!answer.missing) answers.push(judgeReleased(batch, judge(WireReleaseAnswer, answer.value, this.#who('/v1/release'))));
      // Who declares no effects holds none, so there is nothing that a missing door could keep from being released.
      else if (this.#parts.revision.manifest.effects.length === 0) answers.push({ released: batch.map(({ key }) => key), failed: [] });
      else
        throw protocolError(
          this.#who('/v1/release'),
          'it answers 404, but its manifest declares effects: an extension that makes effects must offer this path',
        );
    }
    return joinReleased(call, answers);
  }

  async list(signal: AbortSignal) {
    if (!this.#listOffered) return null;
    const answer = await this.#call({ path: '/v1/list', body: {}, deadlineMs: this.#parts.limits.hookDeadlineMs, signal });
    if (answer.missing) {
      this.#listOffered = false;
      return null;
    }
    return judge(WireListAnswer, answer.value, this.#who('/v1/list'));
  }

  #who(path: string): string {
    return `${this.#parts.revision.extension} ${this.#parts.revision.revision}: ${path}`;
  }

  async #call(call: Call): Promise<Answered> {
    const { revision, secret, limits, basePath, pool } = this.#parts;
    const who = this.#who(call.path);
    const where = { extension: revision.extension };
    try {
      const body = Buffer.from(JSON.stringify(call.body));
      const answer = await postJson(pool(), {
        who,
        path: basePath + call.path,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          traceparent: call.traceparent ?? newTraceparent(),
          'tenon-deadline-ms': String(call.deadlineMs),
          ...(secret === null ? {} : { [SIGNATURE_HEADER]: sign(secret, body) }),
        },
        body,
        deadlineMs: call.deadlineMs,
        signal: call.signal,
        maxBytes: limits.planBytes,
      });
      const { status } = answer;
      if (status === 404) return { missing: true };
      if (status >= 500) {
        const retry = retryAfterMs(answer.headers['retry-after']);
        throw new TenonError('extension_unavailable', `${who} answered ${status}${saying(answer.body)}`, {
          ...(retry === null ? {} : { retryAfterMs: retry }),
        });
      }
      if (status >= 300 && status < 400) {
        const to = answer.headers.location;
        throw protocolError(
          who,
          `status ${status}${to ? ` to ${JSON.stringify(oneLine(to))}` : ''}; redirects are never followed: register the address that answers itself`,
        );
      }
      if (status < 200 || status >= 400) throw protocolError(who, `status ${status}${saying(answer.body)}`);
      const encoding = answer.headers['content-encoding'];
      if (encoding !== undefined && encoding !== 'identity')
        throw protocolError(who, `the body is encoded as ${JSON.stringify(oneLine(encoding, 80))}, which was not asked for: send it plain`);
      const signature = answer.headers[SIGNATURE_HEADER];
      if (secret !== null && (revision.transport.signedAnswers || signature !== undefined)) {
        const fault = signatureFault(signature, secret, answer.body);
        if (fault) throw protocolError(who, fault);
      }
      return { missing: false, value: readJson(answer.body, who, limits) };
    } catch (thrown) {
      throw thrown instanceof TenonError ? thrown.within(where) : thrown;
    }
  }
}

function saying(body: Buffer): string {
  const line = oneLine(body.toString('utf8'));
  return line ? `, saying ${JSON.stringify(line)}` : ' without a word';
}

function retryAfterMs(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header.trim()) ? Number(header) * 1000 : null;
}

/** For calls that belong to no run. */
function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}
