import { request as httpRequest } from 'node:http';
import { ActivationView, EffectView, ExtensionView, listOf, ProblemView, RunView, SandboxRunView, SandboxView } from '@tenon/contract';
import { expect } from 'vitest';
import type { z } from 'zod';

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
/** `POST /sandboxes?wait=30s`: the path stands below `/api/v1` unless it begins with two slashes. */
export type Line = `${Method} /${string}`;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON; undefined where it is none. */
  readonly data: unknown;
}

export interface Sending {
  readonly body?: unknown;
  /** Instead of `body`: the bytes as they are. */
  readonly raw?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Parses by a view of the contract and refuses what the view does not name. */
export function strictly<T extends z.ZodType>(view: T, data: unknown): z.output<T> {
  const parsed = view.parse(data);
  expect(parsed, 'the answer has nothing that the contract does not name').toEqual(data);
  return parsed;
}

/** A REST client as anybody would write one: HTTP and the contract's views. Every answer is kept by `seen`. */
export class Client {
  readonly origin: string;
  readonly token: string | null;
  readonly #seen: ((text: string) => void) | undefined;

  constructor(origin: string, token: string | null, seen?: (text: string) => void) {
    this.origin = origin;
    this.token = token;
    this.#seen = seen;
  }

  as(token: string | null): Client {
    return new Client(this.origin, token, this.#seen);
  }

  /** Any request, any answer. */
  async ask(line: Line, sending: Sending = {}): Promise<Answer> {
    const [method = 'GET', path = '/'] = line.split(/ (.*)/s);
    const url = path.startsWith('//') ? path.slice(1) : `/api/v1${path}`;
    const body = sending.raw ?? (sending.body === undefined ? undefined : JSON.stringify(sending.body));
    const headers = {
      ...(this.token === null ? {} : { authorization: `Bearer ${this.token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      ...sending.headers,
    };
    const answer = await new Promise<Answer>((settle, fail) => {
      // node:http and not fetch: a journey may send paths and bodies that fetch would put right.
      const call = httpRequest(this.origin + url, { method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', fail);
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const told = Object.entries(response.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join('\n') : String(value)]);
          settle({ status: response.statusCode ?? 0, headers: Object.fromEntries(told), text, data: parsed(text, response.headers['content-type']) });
        });
      });
      call.once('error', fail);
      call.end(body);
    });
    this.#seen?.(`${line}\n${JSON.stringify(answer.headers)}\n${answer.text}`);
    return answer;
  }

  /** A request that must go well; its answer judged by the view. */
  async get<T extends z.ZodType>(view: T, line: Line, sending: Sending = {}): Promise<z.output<T>> {
    const answer = await this.ask(line, sending);
    if (answer.status < 200 || answer.status > 299) throw new Error(`${line} answered ${answer.status}: ${answer.text}`);
    return strictly(view, answer.data);
  }

  /** A request that must be refused, with a problem document that says the same as its status. */
  async problem(line: Line, sending: Sending = {}): Promise<ProblemView> {
    const answer = await this.ask(line, sending);
    if (answer.status < 400) throw new Error(`${line} was not refused: ${answer.status} ${answer.text}`);
    return problemIn(answer);
  }

  sandbox(id: string): Promise<SandboxView> {
    return this.get(SandboxView, `GET /sandboxes/${id}`);
  }

  run(id: string): Promise<RunView> {
    return this.get(RunView, `GET /runs/${id}`);
  }

  async effects(query: string): Promise<EffectView[]> {
    return (await this.get(listOf(EffectView), `GET /effects?limit=200&${query}`)).items;
  }

  create(body: object): Promise<SandboxRunView> {
    return this.get(SandboxRunView, 'POST /sandboxes?wait=120s', { body });
  }

  delete(id: string): Promise<SandboxRunView> {
    return this.get(SandboxRunView, `DELETE /sandboxes/${id}?wait=120s&reason=the+journey+ends`);
  }

  register(manifest: object, transport: object): Promise<ExtensionView> {
    return this.get(ExtensionView, 'POST /extensions', { body: { manifest, transport } });
  }

  activate(body: object): Promise<ActivationView> {
    return this.get(ActivationView, 'POST /activations', { body: { mode: 'enforce', reason: 'a journey needs it', ...body } });
  }
}

/** The problem document in a refusal: of the right media type, shape and status. */
export function problemIn(answer: Answer): ProblemView {
  expect(answer.headers['content-type'], answer.text).toBe('application/problem+json');
  const problem = strictly(ProblemView, answer.data);
  expect(problem.status).toBe(answer.status);
  expect(problem.requestId).toBe(answer.headers['x-request-id']);
  return problem;
}

function parsed(text: string, type: string | undefined): unknown {
  return type !== undefined && /json/.test(type) ? JSON.parse(text) : undefined;
}
