import { messageOf, TenonError } from '@tenon/lifecycle';
import { type Dispatcher, errors } from 'undici';
import { protocolError } from '../limits/read-answer.ts';

export interface Post {
  /** The extension and the call, as messages name them, e.g. `quota: /v1/hook`. */
  readonly who: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** What is read of an answer that is an error anyway. */
const ERROR_BODY_BYTES = 8192;
/** The dispatcher's own coarse timers stand behind the exact one. */
const TIMER_SLACK_MS = 1000;

/**
 * One POST with a hard deadline over connecting, headers and body. The body is counted as it comes and cut at `maxBytes`.
 * TenonError: `hook_timed_out`, `extension_unavailable` (refused, cut, no such socket), `hook_protocol_error` (too large, no HTTP);
 * an abort by the caller throws the signal's own TenonError where it carries one.
 */
export async function postJson(dispatcher: Dispatcher, post: Post): Promise<PostAnswer> {
  const controller = new AbortController();
  const late = () =>
    new TenonError('hook_timed_out', `${post.who} did not answer within ${post.deadlineMs} ms`, {
      hint: 'Make the extension answer faster, or give its hook a longer deadlineMs.',
    });
  const stop = () => controller.abort(post.signal.reason instanceof TenonError ? post.signal.reason : late());
  const timer = setTimeout(() => controller.abort(late()), post.deadlineMs);
  post.signal.addEventListener('abort', stop, { once: true });
  if (post.signal.aborted) stop();
  try {
    const response = await dispatcher.request({
      method: 'POST',
      path: post.path,
      headers: post.headers,
      body: post.body,
      signal: controller.signal,
      headersTimeout: post.deadlineMs + TIMER_SLACK_MS,
      bodyTimeout: post.deadlineMs + TIMER_SLACK_MS,
    });
    const good = response.statusCode >= 200 && response.statusCode < 300;
    const body = good ? await readWhole(response.body, post) : await readStart(response.body);
    return { status: response.statusCode, headers: singles(response.headers), body };
  } catch (thrown) {
    if (controller.signal.aborted && controller.signal.reason instanceof TenonError) throw controller.signal.reason;
    throw asTenonError(thrown, post, late);
  } finally {
    clearTimeout(timer);
    post.signal.removeEventListener('abort', stop);
  }
}

/** Leaving the loop early destroys the stream and its connection: the rest is never received. */
async function readWhole(stream: AsyncIterable<Buffer>, post: Post): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > post.maxBytes) throw protocolError(post.who, `the body is larger than ${post.maxBytes} bytes; the rest was not read`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}

async function readStart(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > ERROR_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, ERROR_BODY_BYTES);
}

function singles(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]));
}

function asTenonError(thrown: unknown, post: Post, late: () => TenonError): TenonError {
  if (thrown instanceof TenonError) return thrown;
  if (thrown instanceof errors.HeadersTimeoutError || thrown instanceof errors.BodyTimeoutError) return late();
  if (thrown instanceof errors.HTTPParserError || thrown instanceof errors.HeadersOverflowError) {
    return protocolError(post.who, `the answer is not HTTP that can be read (${messageOf(thrown)})`, thrown);
  }
  // Node names every address it tried; one line of it is enough.
  const cause = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  return new TenonError(
    'extension_unavailable',
    `${post.who} cannot be reached: ${messageOf(cause)}`,
    { hint: 'Check that the extension runs and listens where it was registered.' },
    thrown,
  );
}
