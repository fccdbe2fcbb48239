import { afterEach, describe, expect, it, vi } from 'vitest';
import { backendAnswers } from './backends.ts';

describe('a journey whose backend is absent', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it('is skipped with the reason and the way out printed', () => {
    vi.stubEnv('TENON_REQUIRE', 'postgres');
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(backendAnswers('docker', 'nobody listens')).toBe(false);
    expect(warned).toHaveBeenCalledWith(expect.stringMatching(/docker.*nobody listens.*npm run backends -- up docker/));
  });

  it('fails where TENON_REQUIRE names the backend', () => {
    vi.stubEnv('TENON_REQUIRE', 'postgres,docker,chromium');
    for (const name of ['postgres', 'docker', 'chromium'] as const) {
      expect(() => backendAnswers(name, 'nobody listens')).toThrow(`TENON_REQUIRE names ${name}`);
      expect(backendAnswers(name, null)).toBe(true);
    }
  });
});
