import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { TenonError } from '../src/errors.ts';
import type { DriverCall } from '../src/ports/driver.ts';
import { driverConformance } from './driver-conformance.ts';
import { fakeBackend } from './fake-backend.ts';
import { fakeDriver } from './fake-driver.ts';
import { aRequest } from './fake-plan.ts';

for (const createStarts of [false, true]) {
  driverConformance(createStarts ? 'fake whose create starts' : 'fake', async () => {
    const backend = fakeBackend();
    const driver = fakeDriver({ backend, createStarts });
    return {
      driver,
      request: (overrides) => aRequest({ name: `c-${randomUUID().slice(0, 8)}`, ...overrides }),
      commands: {
        stay: () => ['sleep'],
        exit: (code) => ['exit', String(code)],
        print: (line) => ['print', line],
        printEnv: (name) => ['printenv', name],
        count: () => ['count'],
        stubborn: () => ['sleep'],
      },
      reopen: async () => fakeDriver({ backend, createStarts }),
      breakWorkload: async (sandbox) => backend.exit(sandbox.id, 137, 'killed'),
      removeByHand: async (sandbox) => backend.vanish(sandbox.id),
      close: async () => undefined,
    };
  });
}

describe('the fake as a programmable backend', () => {
  const callFor = (driver: ReturnType<typeof fakeDriver>, signal: AbortSignal = AbortSignal.timeout(5_000)): DriverCall => ({
    sandbox: { id: 'sb-1', name: 'demo', workspace: 'default' },
    plan: driver.plan(aRequest(), 'sb-1'),
    resolveSecret: async () => 'plain',
    idempotencyKey: 'key',
    signal,
  });

  it('fails without doing, and loses the answer after doing', async () => {
    const driver = fakeDriver();
    driver.next('create', { kind: 'fail' }, { kind: 'lost' });
    await expect(driver.create(callFor(driver))).rejects.toMatchObject({ code: 'driver_failed' });
    expect(driver.backend.workloads.size).toBe(0);
    await expect(driver.create(callFor(driver))).rejects.toMatchObject({ code: 'driver_unavailable' });
    expect(driver.backend.workloads.size).toBe(1);
    expect(driver.calls.map((entry) => entry.outcome)).toEqual(['failed', 'failed']);
  });

  it('lands a create after its caller has given up', async () => {
    const driver = fakeDriver();
    driver.next('create', { kind: 'hang', landsMs: 20 });
    await expect(driver.create(callFor(driver, AbortSignal.timeout(5)))).rejects.toBeInstanceOf(TenonError);
    expect(driver.backend.workloads.size).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(driver.backend.workloads.size).toBe(1);
  });

  it('waits at a gate, then goes on as told', async () => {
    const driver = fakeDriver();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    driver.always('stop', { kind: 'gate', gate, next: { kind: 'fail' } });
    const stopping = driver.stop(callFor(driver));
    expect(driver.calls.at(-1)?.outcome).toBe('pending');
    open();
    await expect(stopping).rejects.toMatchObject({ code: 'driver_failed' });
    driver.always('stop', null);
    await driver.stop(callFor(driver));
  });

  it('refuses a name that something foreign holds', async () => {
    const driver = fakeDriver();
    driver.backend.foreignNames.add('openshell-default--demo-sb-1');
    await expect(driver.create(callFor(driver))).rejects.toThrow('openshell-default--demo-sb-1');
  });

  it('is ready when the backend says so, where it has a readiness of its own; a relaunch is another instance', async () => {
    const driver = fakeDriver({ ownReadiness: true });
    await driver.create(callFor(driver));
    const { instance } = await driver.start(callFor(driver));
    const waiting = driver.awaitReady(callFor(driver));
    driver.backend.setReady('sb-1', true);
    expect(await waiting).toMatchObject({ ready: true, instance });
    driver.backend.replace('sb-1');
    expect((await driver.inspect({ id: 'sb-1', name: 'demo', workspace: 'default' }, null)).instance).not.toBe(instance);
  });
});
