import { setTimeout as pause } from 'node:timers/promises';
import type { DriverObservation } from '@tenon/lifecycle';
import { describe, expect, it } from 'vitest';
import { ChangeWatch } from './change-watch.ts';
import { acceptsConnections } from './tcp-probe.ts';
import { Slots, Turns } from './turns.ts';

describe('turns', () => {
  it('runs calls of one key one after the other, whatever becomes of them, and other keys beside them', async () => {
    const turns = new Turns();
    const log: string[] = [];
    const step =
      (name: string, fails = false) =>
      async (): Promise<void> => {
        log.push(`${name} begins`);
        await pause(10);
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
      };
    const outcomes = await Promise.allSettled([turns.run('a', step('1', true)), turns.run('a', step('2')), turns.run('b', step('3'))]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect(log.indexOf('2 begins')).toBeGreaterThan(log.indexOf('1 ends'));
    expect(log.indexOf('3 begins')).toBeLessThan(log.indexOf('1 ends'));
  });
});

describe('slots', () => {
  it('never lets more in than there are, and lets go of one that gave up waiting', async () => {
    const slots = new Slots(2);
    let inside = 0;
    let most = 0;
    const act = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await pause(10);
      inside -= 1;
    };
    const signal = new AbortController().signal;
    const impatient = AbortSignal.timeout(5);
    const runs = [slots.run(signal, act), slots.run(signal, act), slots.run(impatient, act), slots.run(signal, act)];
    const outcomes = await Promise.allSettled(runs);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(most).toBe(2);
    await expect(slots.run(AbortSignal.abort(), act)).rejects.toThrow();
    await slots.run(signal, act);
  });
});

describe('the watch', () => {
  const running = (sandboxId: string, instance = '1'): DriverObservation => ({
    sandboxId,
    state: 'running',
    ready: true,
    exitCode: null,
    reason: null,
    message: null,
    instance,
  });

  it('tells of what became different, once, and of what is gone', () => {
    const changes = new ChangeWatch();
    const told: string[] = [];
    const end = changes.add((id) => told.push(id));
    changes.saw(running('a'));
    changes.saw(running('a'));
    changes.saw(running('a', '2'));
    changes.saw({ ...running('a'), state: 'absent' });
    changes.saw({ ...running('a'), state: 'absent' });
    expect(told).toEqual(['a', 'a', 'a']);
    changes.saw(running('b'));
    changes.sawAll([running('c')], changes.known());
    expect(told.slice(3)).toEqual(['b', 'c', 'b']);
    end();
    changes.saw(running('d'));
    expect(told).toHaveLength(6);
  });

  it('does not take for gone what came while it looked', () => {
    const changes = new ChangeWatch();
    const before = changes.known();
    changes.saw(running('late'));
    changes.sawAll([], before);
    expect([...changes.known()]).toEqual(['late']);
  });
});

describe('the TCP probe', () => {
  it('answers false where nobody listens, and rejects when told to stop', async () => {
    expect(await acceptsConnections('127.0.0.1', 1, AbortSignal.timeout(2_000))).toBe(false);
    await expect(acceptsConnections('127.0.0.1', 1, AbortSignal.abort())).rejects.toThrow();
  });
});
