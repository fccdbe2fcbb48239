import { describe, expect, it } from 'vitest';
import { backoffMs, downPhase, STALE_AFTER_MS } from './live-state.ts';

describe('backoffMs', () => {
  it('doubles from half a second to 15 s and never waits less than half of that', () => {
    expect(backoffMs(0, 0)).toBe(250);
    expect(backoffMs(0, 1)).toBe(500);
    expect(backoffMs(3, 1)).toBe(4000);
    expect(backoffMs(50, 1)).toBe(15_000);
    expect(backoffMs(50, 0)).toBe(7500);
  });
});

describe('downPhase', () => {
  const lost = 1_000_000;
  it('is a hiccup at first, then stale, and polling only while polls answer', () => {
    expect(downPhase(lost, lost + 3000, 0)).toBe('reconnecting');
    expect(downPhase(lost, lost + STALE_AFTER_MS, 0)).toBe('stale');
    expect(downPhase(lost, lost + 15_000, lost + 12_000)).toBe('polling');
    expect(downPhase(lost, lost + 60_000, lost + 12_000)).toBe('stale');
  });
  it('never claims to be stale since a time that it never had', () => {
    expect(downPhase(0, lost, 0)).toBe('reconnecting');
  });
});
