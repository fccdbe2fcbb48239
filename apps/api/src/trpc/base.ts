import { messageOf, TenonError } from '@tenon/lifecycle';
import { initTRPC, TRPCError } from '@trpc/server';
import type { Call, Deps } from '../context.ts';
import { failure, problemOf } from '../http/problem.ts';
import { assertStorable } from '../http/storable.ts';

/** What each tRPC call carries: the use-cases' ground, and who calls. */
export interface TrpcContext {
  readonly deps: Deps;
  readonly call: Call;
}

const TRPC_CODES: Readonly<Record<number, TRPCError['code']>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  412: 'PRECONDITION_FAILED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  422: 'UNPROCESSABLE_CONTENT',
  428: 'PRECONDITION_REQUIRED',
  429: 'TOO_MANY_REQUESTS',
  502: 'BAD_GATEWAY',
  503: 'SERVICE_UNAVAILABLE',
  504: 'GATEWAY_TIMEOUT',
};

/** The failure as tRPC carries it; the problem document travels in `data.problem`. */
function trpcError(thrown: unknown): TRPCError {
  const error = failure(thrown);
  return new TRPCError({ code: TRPC_CODES[error.httpStatus] ?? 'INTERNAL_SERVER_ERROR', message: error.message, cause: error });
}

/** Failures that tRPC finds before any procedure runs. */
function foreign(error: TRPCError): TenonError {
  switch (error.code) {
    case 'PARSE_ERROR':
      return new TenonError('malformed_body', `the input is not JSON: ${error.message}`);
    case 'NOT_FOUND':
      return new TenonError('not_found', error.message);
    case 'METHOD_NOT_SUPPORTED':
      return new TenonError('validation_failed', error.message, { hint: 'Queries are GET, mutations are POST.' });
    case 'UNSUPPORTED_MEDIA_TYPE':
      return new TenonError('unsupported_media_type', error.message, { hint: 'Send application/json.' });
    default:
      return failure(error.cause ?? error);
  }
}

function unreadable(thrown: unknown): never {
  throw new TenonError('malformed_body', `the input is not JSON: ${messageOf(thrown)}`, { hint: 'Send one JSON document, encoded as UTF-8.' });
}

const t = initTRPC.context<TrpcContext>().create({
  isDev: false,
  errorFormatter({ shape, error, ctx }) {
    const cause = error.cause instanceof TenonError ? error.cause : foreign(error);
    const problem = problemOf(cause, ctx?.call.requestId ?? '');
    return { ...shape, message: problem.detail, data: { ...shape.data, httpStatus: problem.status, problem } };
  },
});

export const router = t.router;

/** Every procedure: input that could not be stored is refused, and every failure has its problem document. */
export const procedure = t.procedure.use(async ({ next, getRawInput }) => {
  try {
    assertStorable(await getRawInput().catch(unreadable));
  } catch (thrown) {
    throw trpcError(thrown);
  }
  const result = await next();
  if (result.ok) return result;
  const { cause } = result.error;
  // Zod refuses input, and the use-cases throw TenonError; both arrive as causes.
  throw cause === undefined ? result.error : trpcError(cause);
});
