import { RunLost, TenonError } from '@tenon/lifecycle';
import { describe, expect, it } from 'vitest';
import { brokenConstraint, guarded, isRepeatable, storeFailure } from './failures.ts';

function failure(fields: Record<string, unknown>, message = 'said the server'): Error {
  return Object.assign(new Error(message), fields);
}

describe('failures of the database', () => {
  it('that pass are store_unavailable', () => {
    const passing = [
      failure({ code: 'ECONNREFUSED' }),
      failure({ code: '57P01', severity: 'FATAL' }),
      failure({ code: '08006', severity: 'FATAL' }),
      failure({ code: '53100', severity: 'ERROR' }),
      failure({ code: '57014', severity: 'ERROR' }),
      failure({}, 'Connection terminated unexpectedly'),
      failure({}, 'timeout exceeded when trying to connect'),
      new AggregateError([failure({ code: 'ECONNREFUSED' }), failure({ code: 'ECONNREFUSED' })]),
      failure({ name: 'PrismaClientKnownRequestError', code: 'P1001', meta: { driverAdapterError: { cause: { kind: 'DatabaseNotReachable' } } } }),
      failure({
        name: 'PrismaClientKnownRequestError',
        code: 'P2039',
        meta: { driverAdapterError: { cause: { originalCode: '57P03', originalMessage: 'starting up' } } },
      }),
    ];
    for (const each of passing) expect(storeFailure(each)).toMatchObject({ code: 'store_unavailable', cause: each });
  });

  it('that do not pass are internal, without the place of the call', () => {
    const broken = failure({ code: '42703', severity: 'ERROR' }, 'column "x" does not exist');
    expect(storeFailure(broken)).toMatchObject({ code: 'internal', message: expect.stringContaining('42703') });
    const prisma = failure({ name: 'PrismaClientValidationError' }, 'Invalid call in\n/somewhere/registry.ts:3:4\nUnknown field');
    expect(storeFailure(prisma)).toMatchObject({ code: 'internal', message: expect.not.stringContaining('somewhere') });
    expect(storeFailure(failure({ code: '08P01', severity: 'ERROR' }))).toMatchObject({ code: 'internal' });
  });

  it('leave alone what is not the database’s', () => {
    const own = [new TenonError('sandbox_busy', 'busy'), new RunLost('r'), new Error('thrown by a check'), 'a string'];
    for (const each of own) expect(storeFailure(each)).toBe(each);
  });

  it('are translated on every method, also where Prisma answers', async () => {
    const port = guarded({
      promised: () => Promise.reject(failure({ code: 'ECONNRESET' })),
      // biome-ignore lint/suspicious/noThenProperty: this is what a PrismaPromise is
      thenable: () => ({ then: (_: unknown, reject: (error: unknown) => void) => reject(failure({ code: 'ECONNRESET' })) }) as PromiseLike<number>,
      plain: () => 7,
      value: 8,
    });
    await expect(port.promised()).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(port.thenable()).rejects.toMatchObject({ code: 'store_unavailable' });
    expect([port.plain(), port.value]).toEqual([7, 8]);
  });

  it('tell constraints and what may be repeated', () => {
    expect(brokenConstraint(failure({ code: '23505', constraint: 'effect_identity' }))).toBe('effect_identity');
    expect(brokenConstraint(failure({ code: '23503', constraint: 'x' }))).toBeNull();
    expect([isRepeatable(failure({ code: '40P01' })), isRepeatable(failure({ code: '23505' }))]).toEqual([true, false]);
  });
});
