import type { ProblemView } from '@tenon/contract';
import { TenonError } from '@tenon/lifecycle';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BODY_LIMIT } from './body.ts';
import { failure, PROBLEM_TYPE, problemOf } from './problem.ts';

/** Every failure of every door leaves as a problem document, Fastify's own too. */
export function answerWithProblems(app: FastifyInstance): void {
  app.setErrorHandler((thrown, request, reply) => sendProblem(request, reply, thrown));
}

/** Also for what Fastify refuses before any route is found. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = fromFastify(thrown);
  const problem = problemOf(error, request.id);
  if (problem.status >= 500) request.log.error({ err: error, code: error.code, runId: error.context.runId }, 'the request failed');
  return reply
    .headers(headersOf(error, problem))
    .code(problem.status)
    .header('content-type', PROBLEM_TYPE)
    .send(Buffer.from(JSON.stringify(problem)));
}

function headersOf(error: TenonError, problem: ProblemView): Record<string, string> {
  const headers: Record<string, string> = {};
  const after = error.context.retryAfterMs;
  if (after !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(after / 1000)));
  if (problem.status === 401) headers['www-authenticate'] = 'Bearer realm="tenon"';
  const current = problem.current;
  if (typeof current === 'object' && current !== null && !Array.isArray(current) && typeof current.etag === 'string') headers.etag = current.etag;
  return headers;
}

/** Fastify's own refusals, in the words of the catalogue. */
export function fromFastify(thrown: unknown): TenonError {
  if (thrown instanceof TenonError || !(thrown instanceof Error)) return failure(thrown);
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new TenonError('body_too_large', `the body is larger than ${BODY_LIMIT} bytes`, { hint: 'Send less: no body may exceed 1 MiB.' });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new TenonError('unsupported_media_type', 'the body is not of a media type that is taken here', { hint: 'Send `Content-Type: application/json`.' });
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new TenonError('malformed_body', 'the body is not as long as Content-Length says');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new TenonError('not_found', 'there is nothing at this URL', { hint: '/api/docs lists what there is.' });
    case 'ECONNRESET':
      // Node's word for a caller that went away while its body was still coming; what the store loses is told in its own words.
      if (thrown.message === 'aborted') return new TenonError('malformed_body', 'the connection ended before the whole body had come');
      return failure(thrown);
    default:
      return failure(thrown);
  }
}
