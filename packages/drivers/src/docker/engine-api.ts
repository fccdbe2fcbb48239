import type { IncomingMessage } from 'node:http';
import { TenonError } from '@tenon/lifecycle';
import Docker from 'dockerode';
import { describeAddress, type EngineAddress } from './config.ts';

/** An answer of the Engine outside what was asked for. */
export class EngineRefusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'EngineRefusal';
    this.status = status;
  }
}

export interface EngineCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Each part of the path; encoded here. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | number | boolean | object>>;
  readonly body?: object;
  /** Statuses that are answers rather than refusals; 200, 201 and 204 always are. */
  readonly also?: readonly number[];
  /** The caller's; a deadline is added. */
  readonly signal?: AbortSignal;
  /** Longest wait for the answer to begin, ms; null: as long as the signal lasts. */
  readonly timeoutMs?: number | null;
}

/** What the modem below dockerode does for us, typed as far as we use it. */
interface Modem {
  dial(
    options: {
      path: string;
      method: string;
      options: { _query: object; _body: object };
      isStream: boolean;
      statusCodes: Record<number, true | string>;
      abortSignal: AbortSignal;
    },
    callback: (error: Error | null, answer: unknown) => void,
  ): void;
}

/**
 * One Engine, through dockerode's modem. Bodies never stand in the query, where an access log would keep them; every call has a
 * deadline; a refusal is an EngineRefusal with its status; an Engine that cannot be reached is `driver_unavailable`.
 */
export class EngineApi {
  readonly address: EngineAddress;
  readonly #modem: Modem;
  readonly #timeoutMs: number;

  constructor(address: EngineAddress, timeoutMs: number) {
    this.address = address;
    this.#timeoutMs = timeoutMs;
    // An empty host makes the modem use the socket, whatever DOCKER_HOST of this process says.
    const docker =
      address.kind === 'unix'
        ? new Docker({ socketPath: address.path, host: '', protocol: 'http' })
        : new Docker({ host: address.host, port: address.port, protocol: 'http' });
    this.#modem = docker.modem as Modem;
  }

  /** The JSON that was answered; null where there is none. */
  async json<T>(call: EngineCall): Promise<T> {
    const bytes = await this.bytes(call, Number.POSITIVE_INFINITY);
    const text = bytes.toString('utf8').trim();
    return (text === '' ? null : JSON.parse(text)) as T;
  }

  /** The JSON that was answered, or null where the Engine answers 404. */
  async jsonOrNull<T>(call: EngineCall): Promise<T | null> {
    try {
      return await this.json<T>(call);
    } catch (thrown) {
      if (thrown instanceof EngineRefusal && thrown.status === 404) return null;
      throw thrown;
    }
  }

  /** The body, at most `most` bytes of it: what is beyond is not read. */
  async bytes(call: EngineCall, most: number): Promise<Buffer> {
    const signal = this.#signalOf(call);
    const answer = await this.#dial(call, signal);
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of answer) {
        const part = (chunk as Buffer).subarray(0, most - size);
        chunks.push(part);
        size += part.length;
        if (size >= most) break;
      }
    } catch (thrown) {
      throw this.#unreachable(thrown, call, signal);
    }
    return Buffer.concat(chunks);
  }

  /** The body as it comes; the caller ends it. Nothing but the signal bounds it. */
  stream(call: EngineCall & { readonly signal: AbortSignal }): Promise<IncomingMessage> {
    return this.#dial(call, call.signal);
  }

  #signalOf(call: EngineCall): AbortSignal {
    const timeout = call.timeoutMs === undefined ? this.#timeoutMs : call.timeoutMs;
    const signals = [...(call.signal === undefined ? [] : [call.signal]), ...(timeout === null ? [] : [AbortSignal.timeout(timeout)])];
    return AbortSignal.any(signals);
  }

  #dial(call: EngineCall, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const statusCodes: Record<number, true> = { 200: true, 201: true, 204: true };
      for (const status of call.also ?? []) statusCodes[status] = true;
      this.#modem.dial(
        {
          path: `/${call.path.map(encodeURIComponent).join('/')}?`,
          method: call.method,
          options: { _query: call.query ?? {}, _body: call.body ?? {} },
          isStream: true,
          statusCodes,
          abortSignal: signal,
        },
        (error, answer) => {
          if (error === null) resolve(answer as IncomingMessage);
          else reject(this.#refusalOf(error) ?? this.#unreachable(error, call, signal));
        },
      );
    });
  }

  #refusalOf(error: Error): EngineRefusal | null {
    if (!('statusCode' in error) || typeof error.statusCode !== 'number') return null;
    const said = /^\(HTTP code \d+\) [^-]* - ([\s\S]*)$/.exec(error.message)?.[1] ?? error.message;
    return new EngineRefusal(error.statusCode, said.trim());
  }

  #unreachable(thrown: unknown, call: EngineCall, signal: AbortSignal): TenonError {
    const where = describeAddress(this.address);
    const what = `${call.method} /${call.path.join('/')}`;
    if (call.signal?.aborted === true) return new TenonError('driver_unavailable', `${what} at ${where} was aborted before it answered`, {}, thrown);
    if (signal.aborted)
      return new TenonError(
        'driver_unavailable',
        `${what} at ${where} was not answered in time`,
        { hint: 'look at the load and the log of the Docker Engine' },
        thrown,
      );
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return new TenonError(
      'driver_unavailable',
      `the Docker Engine at ${where} cannot be reached: ${why}`,
      { hint: 'start it, or correct DOCKER_HOST' },
      thrown,
    );
  }
}
