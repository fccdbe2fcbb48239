import { describe, expect, it } from 'vitest';
import { memoryStore } from './call-store.ts';

describe('memoryStore', () => {
  it('remembers answers and fences, and forgets both with age', async () => {
    let now = 0;
    const store = memoryStore({ ttlMs: 1000, now: () => now });
    expect(await store.look('a')).toEqual({ state: 'new' });
    expect(await store.keep('a', { result: 'ok' })).toBe(true);
    expect(await store.look('a')).toEqual({ state: 'answered', answer: { result: 'ok' } });
    await store.fence('a');
    expect(await store.look('a')).toEqual({ state: 'fenced' });
    expect(await store.keep('a', { result: 'ok' })).toBe(false);
    now = 1001;
    expect(await store.look('a')).toEqual({ state: 'new' });
  });

  it('keeps no more answers than it may, and every fence', async () => {
    const store = memoryStore({ maxAnswers: 2 });
    await store.fence('f');
    for (const key of ['a', 'b', 'c', 'd']) await store.keep(key, { result: 'ok' });
    const states = await Promise.all(['f', 'a', 'b', 'c', 'd'].map(async (key) => (await store.look(key)).state));
    expect(states).toEqual(['fenced', 'new', 'new', 'answered', 'answered']);
  });
});
