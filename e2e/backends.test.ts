import { afterEach, describe, expect, it, vi } from 'vitest';
import { backendAnswers } from './backends.ts';

describe('a journey that needs a backend', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('runs where it is there', () => {
    vi.stubEnv('TENON_REQUIRE', 'docker');
    expect(backendAnswers('docker', null)).toBe(true);
  });

  it('skips with the reason printed where it is not', () => {
    vi.stubEnv('TENON_REQUIRE', 'postgres');
    const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(backendAnswers('docker', 'no Engine at unix:///x')).toBe(false);
    expect(said).toHaveBeenCalledWith(expect.stringContaining('no Engine at unix:///x'));
  });

  it('fails where TENON_REQUIRE names it', () => {
    vi.stubEnv('TENON_REQUIRE', 'postgres,docker');
    expect(() => backendAnswers('docker', 'no Engine at unix:///x')).toThrow('TENON_REQUIRE names docker, and it is not there: no Engine at unix:///x');
  });
});
