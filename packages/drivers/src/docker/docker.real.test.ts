import { randomUUID } from 'node:crypto';
import type { SandboxRef } from '@tenon/lifecycle';
import { aRequest, driverConformance, type RequestOverrides } from '@tenon/lifecycle/testing';
import { describe } from 'vitest';
import { engineForTests, TEST_IMAGE } from '../../testing/docker-engine.ts';
import { backendName } from '../plan-parts/identity.ts';
import { dockerDriver } from './driver.ts';

const engine = await engineForTests();
const sh = (script: string): readonly string[] => ['sh', '-c', script];

if (engine === null) {
  describe.skip('docker driver: no Docker Engine answers', () => undefined);
} else {
  const { docker, host } = engine;
  driverConformance('docker', async () => {
    const installation = `conformance-${randomUUID().slice(0, 8)}`;
    const open = () => dockerDriver({ host, installation, stopGraceMs: 1_000, relistMs: 2_000 });
    const container = (sandbox: SandboxRef) => docker.getContainer(backendName(sandbox, sandbox.id));
    return {
      driver: open(),
      request: ({ template, ...rest }: RequestOverrides = {}) =>
        aRequest({ name: `c-${randomUUID().slice(0, 8)}`, driver: 'docker', ...rest, template: { image: TEST_IMAGE, ...template } }),
      commands: {
        stay: () => ['sleep', '600'],
        exit: (code) => sh(`exit ${code}`),
        print: (line) => sh(`echo "${line}"; exec sleep 600`),
        printEnv: (name) => sh(`printf '%s\\n' "$${name}"; exec sleep 600`),
        count: () => sh('echo x >>/kept; wc -l </kept; exec sleep 600'),
        stubborn: () => sh("trap '' TERM; while :; do sleep 1; done"),
      },
      reopen: async () => open(),
      breakWorkload: async (sandbox) => void (await container(sandbox).kill()),
      removeByHand: async (sandbox) => void (await container(sandbox).remove({ force: true })),
      close: async () => undefined,
    };
  });
}
