import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxRef } from '@tenon/lifecycle';
import { aRequest, driverConformance, type RequestOverrides } from '@tenon/lifecycle/testing';
import { processDriver } from './driver.ts';

const sh = (script: string): readonly string[] => ['sh', '-c', script];

driverConformance('process', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'tenon-process-'));
  // A sandbox runs as another user: it must be able to reach its directory.
  await chmod(dataDir, 0o755);
  const open = () => processDriver({ dataDir, installation: 'conformance', stopGraceMs: 500, pollMs: 100 });
  const kill = async (sandbox: SandboxRef): Promise<void> => {
    const other = open();
    const { instance } = await other.inspect(sandbox, null);
    await other.close();
    process.kill(-Number(instance?.split('@')[0]), 'SIGKILL');
  };
  return {
    driver: open(),
    request: (overrides: RequestOverrides = {}) => aRequest({ name: `c-${randomUUID().slice(0, 8)}`, driver: 'process', ...overrides }),
    commands: {
      stay: () => sh('exec sleep 600'),
      exit: (code) => sh(`exit ${code}`),
      print: (line) => sh(`echo "${line}"; exec sleep 600`),
      printEnv: (name) => sh(`printf '%s\\n' "$${name}"; exec sleep 600`),
      count: () => sh('echo x >>kept; wc -l <kept; exec sleep 600'),
      stubborn: () => sh("trap '' TERM; while :; do sleep 1; done"),
    },
    reopen: async () => open(),
    breakWorkload: kill,
    removeByHand: async (sandbox) => {
      await kill(sandbox);
      await rm(join(dataDir, 'process', sandbox.id), { recursive: true });
    },
    close: async () => rm(dataDir, { recursive: true, force: true }),
  };
});
