import { messageOf, RunLost, SharedLost, TenonError } from '@tenon/lifecycle';

// SQLSTATE classes and codes under which trying again later is the way out: connection, resources (a full disk too), shutdown,
// a server that is read-only for now, and timeouts.
const PASSING = /^(08(?!P01)|53|57P|58)|^(57014|25006|40001|40P01|55P03)$/;
const SOCKET = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EPIPE', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'ENOENT']);
const PRISMA_PASSING = new Set(['P1000', 'P1001', 'P1002', 'P1008', 'P1011', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037']);
const WORDS =
  /connection terminated|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|cannot use a pool after|server login/i;

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
  const code = codeOf(error);
  const inner = innerError(error);
  if ((code !== null && isPassing(code)) || WORDS.test(error.message) || (inner !== null && isPassing(codeOf(inner) ?? ''))) {
    return new TenonError(
      'store_unavailable',
      `The database cannot be used now: ${messageOf(inner ?? error)}`,
      { hint: 'Check that PostgreSQL runs and that DATABASE_URL reaches it.' },
      error,
    );
  }
  const ofDatabase = error.name.startsWith('Prisma') || ('severity' in error && code !== null) || error.name === 'DriverAdapterError';
  if (!ofDatabase) return error;
  return new TenonError('internal', `The database refused a statement (${code ?? error.name}): ${messageOf(error)}`, {}, error);
}

function isPassing(code: string): boolean {
  return PASSING.test(code) || SOCKET.has(code) || PRISMA_PASSING.has(code);
}

/** Several addresses tried make an AggregateError; Prisma keeps the driver's as the cause. */
function innerError(error: Error): Error | null {
  if (error instanceof AggregateError) return error.errors.find((each) => each instanceof Error) ?? null;
  return error.cause instanceof Error ? error.cause : null;
}

/** Every method of a port, its failures translated. */
export function guarded<T extends object>(port: T): T {
  return new Proxy(port, {
    get: (target, name, receiver) => {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const answer: unknown = Reflect.apply(member, target, args);
        if (!(answer instanceof Promise)) return answer;
        return answer.catch((error: unknown) => {
          throw storeFailure(error);
        });
      };
    },
  });
}
