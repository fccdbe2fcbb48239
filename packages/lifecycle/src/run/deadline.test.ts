import { describe, expect, it } from 'vitest';
import { systemClock } from '../ports/clock.ts';
import { CallGuard } from './deadline.ts';

const never = () => new Promise<never>(() => undefined);

describe('a guarded call', () => {
  it('answers with its value, or with what it threw, at once or later', async () => {
    const guard = new CallGuard(systemClock);
    expect(await guard.run(1_000, async () => 7)).toEqual({ kind: 'value', value: 7 });
    expect(await guard.run(1_000, () => Promise.reject('late'))).toEqual({ kind: 'thrown', error: 'late' });
    const atOnce = () => {
      throw new Error('at once');
    };
    expect(await guard.run(1_000, atOnce)).toMatchObject({ kind: 'thrown', error: { message: 'at once' } });
    guard.close();
  });

  it('times out, tells its signal, and says when the call has ended after all', async () => {
    const guard = new CallGuard(systemClock);
    let finish: (value: string) => void = () => undefined;
    let signal: AbortSignal | null = null;
    const result = await guard.run(5, (given) => {
      signal = given();
      return new Promise<string>((resolve) => {
        finish = resolve;
      });
    });
    expect(result).toMatchObject({ kind: 'timed_out' });
    expect(signal).toMatchObject({ aborted: true, reason: 'timed_out' });
    if (result.kind !== 'timed_out') return;
    let ended = false;
    const late = result.late.then(() => {
      ended = true;
    });
    await systemClock.sleep(5);
    expect(ended).toBe(false);
    finish('too late');
    await late;
    guard.close();
  });

  it('gives a signal that is asked for only after the end the reason of the end', async () => {
    const guard = new CallGuard(systemClock);
    let ask: (() => AbortSignal) | null = null;
    await guard.run(5, (signal) => {
      ask = signal;
      return never();
    });
    expect((ask as (() => AbortSignal) | null)?.()).toMatchObject({ aborted: true, reason: 'timed_out' });
    guard.close();
  });

  it('is aborted with the run, which calls nothing more until it is reopened; a lost run never is', async () => {
    const guard = new CallGuard(systemClock);
    const inFlight = guard.run(1_000, never);
    guard.abort('superseded');
    guard.abort('budget');
    expect(await inFlight).toMatchObject({ kind: 'aborted', cause: 'superseded' });
    let called = false;
    const call = async () => {
      called = true;
    };
    expect(await guard.run(1_000, call)).toMatchObject({ kind: 'aborted', cause: 'superseded' });
    expect(called).toBe(false);
    guard.reopen();
    expect(await guard.run(1_000, call)).toMatchObject({ kind: 'value' });
    guard.abort('lost');
    guard.reopen();
    expect(await guard.run(1_000, call)).toMatchObject({ kind: 'aborted', cause: 'lost' });
    guard.close();
  });

  it('leaves the next call alone where only the one in flight is aborted, and where one ends by its own abort', async () => {
    const guard = new CallGuard(systemClock);
    const inFlight = guard.run(1_000, never);
    guard.abortCall('killed');
    expect(await inFlight).toMatchObject({ kind: 'aborted', cause: 'killed' });
    const own = guard.run(1_000, async () => {
      guard.abortCall('killed');
      return 'finished all the same';
    });
    expect(await own).toMatchObject({ kind: 'aborted', cause: 'killed' });
    expect(await guard.run(1_000, async () => 'next')).toEqual({ kind: 'value', value: 'next' });
    guard.close();
  });
});
