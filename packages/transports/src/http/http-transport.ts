import { randomBytes } from 'node:crypto';
import type { LookupFunction } from 'node:net';
import { WireListAnswer, Manifest as WireManifest, WireReleaseAnswer } from '@tenon/contract';
import type { ExtensionClient, HookCall, Manifest, ReleaseAnswer, ReleaseCall, RevisionRecord, Transport } from '@tenon/lifecycle';
import { TenonError } from '@tenon/lifecycle';
import { CONTRACT_VERSION, isPhase } from '@tenon/vocabulary';
import { Pool } from 'undici';
import { type AnswerLimits, answerLimits } from '../limits/answer-limits.ts';
import { joinReleased, judgeHookAnswer, judgeReleased, releaseBatches } from '../limits/hook-answer.ts';
import { judge, oneLine, protocolError, readJson } from '../limits/read-answer.ts';
import { SIGNATURE_HEADER, sign, signatureFault } from '../limits/signature.ts';
import { checkTarget, DEFAULT_ALLOWED_TARGETS, readAllowedTargets, type Target } from '../limits/target.ts';
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
 * may not be called, so a registration and a changed allow-list are judged alike. An allow-list that cannot be read throws at once.
 */
export function httpTransport(options: HttpTransportOptions = {}): Transport {
  const limits = answerLimits(options.limits);
  const allowed = options.allowedTargets ?? DEFAULT_ALLOWED_TARGETS;
  readAllowedTargets(allowed);
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
  const [first] = pinned;
  const lookup: LookupFunction = (_host, query, done) => (query.all ? done(null, [...pinned]) : done(null, first.address, first.family));
  return new Pool(originOf(target), { ...common, autoSelectFamily: true, connect: { lookup } });
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

class HttpClient implements ExtensionClient {
  readonly effects = null;
  readonly shared = null;
  readonly #parts: HttpClientParts;
  #listOffered = true;

  constructor(parts: HttpClientParts) {
    this.#parts = parts;
  }

  async describe(signal: AbortSignal): Promise<Manifest> {
    const manifest = await this.#call({ path: '/v1/describe', body: {}, deadlineMs: this.#parts.limits.hookDeadlineMs, signal }, judgeManifest);
    if (manifest === null) throw this.#notOffered('/v1/describe', 'every extension must offer this path, so that its manifest can be compared');
    return manifest;
  }

  async hook(call: HookCall) {
    const { driver, revision, value, open } = call.plan;
    const body = { contract: CONTRACT_VERSION, ...call.input, plan: { driver, revision, value, open } };
    const sent = { path: '/v1/hook', body, deadlineMs: call.deadlineMs, signal: call.signal(), traceparent: call.traceparent } as const;
    const answer = await this.#call(sent, (value, who) => judgeHookAnswer(value, call, who, this.#parts.limits));
    if (answer === null) throw this.#notOffered('/v1/hook', 'every extension must offer this path');
    return answer;
  }

  async release(call: ReleaseCall) {
    const started = performance.now();
    const { extension, revision, sandbox, idempotencyKey, reason, signal, traceparent } = call;
    const answers: ReleaseAnswer[] = [];
    for (const batch of releaseBatches(call.effects)) {
      const effects = batch.map(({ kind, key, handle }) => ({ kind, key, handle }));
      const body = { extension, revision, sandbox: { id: sandbox.id, name: sandbox.name, workspace: sandbox.workspace }, idempotencyKey, effects, reason };
      const deadlineMs = Math.max(1, Math.ceil(call.deadlineMs - (performance.now() - started)));
      const answer = await this.#call({ path: '/v1/release', body, deadlineMs, signal, traceparent }, (value, who) =>
        judgeReleased(batch, judge(WireReleaseAnswer, value, who)),
      );
      if (answer) answers.push(answer);
      // Who declares no effects holds none, so there is nothing that a missing door could keep from being released.
      else if (this.#parts.revision.manifest.effects.length === 0) answers.push({ released: batch.map(({ key }) => key), failed: [] });
      else throw this.#notOffered('/v1/release', 'an extension whose manifest declares effects must offer this path');
    }
    return joinReleased(call, answers);
  }

  async list(signal: AbortSignal) {
    if (!this.#listOffered) return null;
    const answer = await this.#call({ path: '/v1/list', body: {}, deadlineMs: this.#parts.limits.hookDeadlineMs, signal }, (value, who) =>
      judge(WireListAnswer, value, who),
    );
    this.#listOffered = answer !== null;
    return answer;
  }

  #notOffered(path: Call['path'], rule: string): TenonError {
    return protocolError(this.#who(path), `status 404; ${rule}`).within({ extension: this.#parts.revision.extension });
  }

  #who(path: string): string {
    return `${this.#parts.revision.extension} ${this.#parts.revision.revision}: ${path}`;
  }

  /** The judged answer, or null where the path is answered with 404, that is, not offered. */
  async #call<T>(call: Call, judgeAnswer: (value: unknown, who: string) => T): Promise<T | null> {
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
      if (status === 404) return null;
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
      return judgeAnswer(readJson(answer.body, who, limits), who);
    } catch (thrown) {
      throw thrown instanceof TenonError ? thrown.within(where) : thrown;
    }
  }
}

function judgeManifest(value: unknown, who: string): Manifest {
  const manifest = judge(WireManifest, value, who);
  const hooks = manifest.hooks.map((hook) => {
    const { phase } = hook;
    if (!isPhase(phase)) throw protocolError(who, `the manifest hooks ${JSON.stringify(phase)}, which is no phase`);
    return { ...hook, phase };
  });
  return { ...manifest, hooks };
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
