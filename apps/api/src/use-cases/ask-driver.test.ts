import { fakeDriver } from '@tenon/lifecycle/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askCapabilities, askHealth } from './ask-driver.ts';

describe('asking a driver', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const never = () => new Promise<never>(() => {});

  it('takes what it says', async () => {
    const driver = fakeDriver();
    expect((await askHealth(driver, () => 7)).state).toBe('healthy');
    expect((await askCapabilities(driver)).operations).toContain('create');
  });

  it('calls one that hangs or throws degraded, and shows what it could do last', async () => {
    const driver = { ...fakeDriver(), health: never };
    const asked = askHealth(driver, () => 7);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await asked).toEqual({ state: 'degraded', detail: 'it did not answer within 3 s', checkedAt: 7 });
    const angry = { ...fakeDriver(), health: () => Promise.reject(new Error('no socket')) };
    expect(await askHealth(angry, () => 7)).toMatchObject({ state: 'degraded', detail: 'no socket' });

    const moody = fakeDriver();
    const before = await askCapabilities(moody);
    vi.spyOn(moody, 'capabilities').mockImplementation(never);
    const later = askCapabilities(moody);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await later).toEqual(before);
    const silent = fakeDriver();
    vi.spyOn(silent, 'capabilities').mockRejectedValue(new Error('no socket'));
    expect((await askCapabilities(silent)).version).toContain('has not answered');
  });
});
