import { afterEach, expect, it, vi } from 'vitest';
import { engineForTests } from './docker-engine.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

it('an Engine that is absent skips with its reason printed, and fails where TENON_REQUIRE names it', async () => {
  vi.stubEnv('DOCKER_HOST', 'unix:///nowhere/docker.sock');
  vi.stubEnv('TENON_REQUIRE', 'postgres');
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  expect(await engineForTests()).toBeNull();
  expect(warned).toHaveBeenCalledWith(expect.stringContaining('SKIPPED, no docker'));
  vi.stubEnv('TENON_REQUIRE', 'postgres,docker');
  await expect(engineForTests()).rejects.toThrow('docker is required');
});
