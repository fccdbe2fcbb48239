import { describe, expect, it } from 'vitest';
import { newId, newSpanId, newTraceId, traceparent } from './ids.ts';

describe('ids', () => {
  it('are UUIDs of version 7, sorted by when they were made, each once', () => {
    const at = [0, 1, 1_795_500_000_000, 1_795_500_000_001];
    const ids = at.map((ms) => newId(ms));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.map((id) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16))).toEqual(at);
    // More than the pool of random digits holds at once.
    expect(new Set(Array.from({ length: 20_000 }, () => newId())).size).toBe(20_000);
  });
  it('use every variant alike', () => {
    const variants = new Map<string, number>();
    for (let i = 0; i < 8_000; i += 1) {
      const variant = newId().charAt(19);
      variants.set(variant, (variants.get(variant) ?? 0) + 1);
    }
    expect([...variants.keys()].sort()).toEqual(['8', '9', 'a', 'b']);
    for (const count of variants.values()) expect(count).toBeGreaterThan(1_700);
  });
  it('are traces and spans as W3C has them', () => {
    expect(newTraceId()).toMatch(/^[0-9a-f]{32}$/);
    expect(newSpanId()).toMatch(/^[0-9a-f]{16}$/);
    expect(traceparent('a'.repeat(32), 'b'.repeat(16))).toBe(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
  });
});
