import { isObject, messageOf, RunLost, SharedLost, TenonError } from '@tenon/lifecycle';

// SQLSTATE classes and codes under which trying again later is the way out: connection, resources (a full disk too), shutdown,
// a server that is read-only for now, and timeouts.
const PASSING = /^(08(?!P01)|53|57P|58)|^(57014|25006|40001|40P01|55P03)$/;
const SOCKET = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'ENOENT']);
const PRISMA_PASSING = new Set(['P1000', 'P1001', 'P1002', 'P1008', 'P1011', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037']);
const WORDS =
  /connection terminated|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|cannot use a pool after|server login|not currently accepting connections/i;

export function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** The name of the constraint that a write broke, or null. */
export function brokenConstraint(error: unknown): string | null {
  if (codeOf(error) !== '23505') return null;
  return error instanceof Error && 'constraint' in error && typeof error.constraint === 'string' ? error.constraint : null;
}

/** Whether a transaction lost a deadlock or a serialisation and may simply be run again. */
export function isRepeatable(error: unknown): boolean {
  const code = codeOf(error);
  return code === '40P01' || code === '40001';
}

/** What leaves the store: our own failures as they are, the database's as `store_unavailable` or `internal`, never with a value in it. */
export function storeFailure(error: unknown): unknown {
  if (error instanceof TenonError || error instanceof RunLost || error instanceof SharedLost || !(error instanceof Error)) return error;
  const { code, message } = saidBy(error);
  const outer = codeOf(error) ?? '';
  if (isPassing(code ?? '') || isPassing(outer) || WORDS.test(message)) {
    return new TenonError(
      'store_unavailable',
      `The database cannot be used now: ${message}`,
      { hint: 'Check that PostgreSQL runs and that DATABASE_URL reaches it.' },
      error,
    );
  }
  const ofDatabase = error.name.startsWith('Prisma') || ('severity' in error && code !== null);
  if (!ofDatabase) return error;
  return new TenonError('internal', `The database refused a statement (${code ?? error.name}): ${message}`, {}, error);
}

function isPassing(code: string): boolean {
  return PASSING.test(code) || SOCKET.has(code) || PRISMA_PASSING.has(code);
}

/** The server's own code and words, without the wrapping: Prisma's adapter keeps them in its meta, several addresses tried in a list. */
function saidBy(error: Error): { readonly code: string | null; readonly message: string } {
  const adapter = 'meta' in error && isObject(error.meta) && isObject(error.meta.driverAdapterError) ? error.meta.driverAdapterError.cause : null;
  if (isObject(adapter)) {
    const code = typeof adapter.originalCode === 'string' ? adapter.originalCode : null;
    const words = [adapter.originalMessage, adapter.message, adapter.kind].find((each) => typeof each === 'string' && each !== '');
    return { code, message: messageOf(words ?? error) };
  }
  if (error instanceof AggregateError) {
    const first: unknown = error.errors.find((each) => each instanceof Error);
    if (first instanceof Error) return { code: codeOf(first), message: messageOf(first) };
  }
  // Prisma's messages begin with the place of the call in our source: only their last line is about what happened.
  return { code: codeOf(error), message: messageOf(error.message.trim().split('\n').at(-1) ?? error) };
}

/** Every method of a port, its failures translated. */
export function guarded<T extends object>(port: T): T {
  return new Proxy(port, {
    get: (target, name, receiver) => {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const answer: unknown = Reflect.apply(member, target, args);
        // Prisma's answers are thenables that begin when they are awaited.
        if (typeof answer !== 'object' || answer === null || !('then' in answer)) return answer;
        return Promise.resolve(answer).catch((error: unknown) => {
          throw storeFailure(error);
        });
      };
    },
  });
}
