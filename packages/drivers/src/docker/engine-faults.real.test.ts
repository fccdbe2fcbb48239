import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Driver, DriverCall } from '@tenon/lifecycle';
import { aRequest, type RequestOverrides } from '@tenon/lifecycle/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineForTests, TEST_IMAGE } from '../../testing/docker-engine.ts';
import { type EngineProxy, engineProxy } from '../../testing/engine-proxy.ts';
import { dockerDriver } from './driver.ts';

const engine = await engineForTests();

describe.skipIf(engine === null)('docker driver behind a bad line', () => {
  const host = engine?.host ?? '';
  let proxy: EngineProxy;
  let driver: Driver;
  let made: DriverCall[];

  beforeEach(async () => {
    proxy = await engineProxy(host);
    driver = dockerDriver({
      host: proxy.host,
      installation: `faults-${randomUUID().slice(0, 8)}`,
      stopGraceMs: 1_000,
      relistMs: 60_000,
      requestTimeoutMs: 10_000,
    });
    made = [];
  });
  afterEach(async () => {
    proxy.decide(null);
    for (const call of made) await driver.delete({ ...call, signal: AbortSignal.timeout(30_000) });
    expect(await driver.list()).toEqual([]);
    await driver.close();
    await proxy.close();
  });

  function prepare({ template, ...rest }: RequestOverrides = {}): DriverCall {
    const id = randomUUID();
    const request = aRequest({ name: `f-${id.slice(0, 8)}`, command: ['sleep', '600'], ...rest, template: { image: TEST_IMAGE, ...template } });
    const call: DriverCall = {
      sandbox: { id, name: request.name, workspace: request.workspace },
      plan: driver.plan(request, id),
      resolveSecret: async () => 'canary-in-the-clear',
      idempotencyKey: randomUUID(),
      signal: AbortSignal.timeout(60_000),
    };
    made.push(call);
    return call;
  }
  const isCreate = (url: string): boolean => url.startsWith('/containers/create');
  const loseOnce = (matches: (url: string) => boolean): void => {
    let left = 1;
    proxy.decide(({ url }) => ({ kind: matches(url) && left-- > 0 ? 'lose' : 'pass' }));
  };

  it('adopts what a create made whose answer was lost', async () => {
    const call = prepare();
    loseOnce(isCreate);
    await expect(driver.create(call)).rejects.toMatchObject({ code: 'driver_unavailable' });
    expect((await driver.inspect(call.sandbox, call.plan)).state).toBe('created');
    await driver.create(call);
    expect(await driver.list()).toHaveLength(1);
  });

  it('heals a container whose start answers "task already exists" for ever', async () => {
    const call = prepare();
    await driver.create(call);
    let stuck: string | null = null;
    proxy.decide(({ method, url }) => {
      const start = /^\/containers\/([0-9a-f]+)\/start/.exec(url);
      if (method !== 'POST' || start?.[1] === undefined) return { kind: 'pass' };
      stuck ??= start[1];
      return start[1] === stuck
        ? { kind: 'refuse', status: 500, message: `failed to create task for container: task ${stuck} already exists: unknown` }
        : { kind: 'pass' };
    });
    const { instance } = await driver.start(call);
    expect(instance).not.toBeNull();
    expect(instance?.startsWith(String(stuck).slice(0, 12))).toBe(false);
    expect(await driver.awaitReady(call)).toMatchObject({ state: 'running', ready: true, instance });
  });

  it('does not throw away what a stopped one stored, when its start is stuck so', async () => {
    const call = prepare();
    await driver.create(call);
    await driver.start(call);
    await driver.stop(call);
    proxy.decide(({ url }) => (url.includes('/start') ? { kind: 'refuse', status: 500, message: 'task x already exists' } : { kind: 'pass' }));
    await expect(driver.start(call)).rejects.toMatchObject({ code: 'driver_failed', context: { hint: expect.stringContaining('lose what it stored') } });
    expect((await driver.inspect(call.sandbox, call.plan)).state).toBe('exited');
  });

  it('waits with a delete until an aborted create has settled', async () => {
    const call = prepare();
    proxy.decide(({ url }) => (isCreate(url) ? { kind: 'delay', ms: 700 } : { kind: 'pass' }));
    await expect(driver.create({ ...call, signal: AbortSignal.timeout(100) })).rejects.toMatchObject({ code: 'driver_unavailable' });
    await driver.delete(call);
    await pause(1_000);
    expect(await driver.list()).toEqual([]);
  });

  it('says so when a stop, a delete or a look cannot be answered, and is fine once it can', async () => {
    const call = prepare();
    await driver.create(call);
    proxy.decide(() => ({ kind: 'lose' }));
    for (const act of [() => driver.stop(call), () => driver.delete(call), () => driver.inspect(call.sandbox, call.plan), () => driver.list()]) {
      await expect(act()).rejects.toMatchObject({ code: 'driver_unavailable' });
    }
    expect((await driver.health()).state).toBe('unavailable');
    proxy.decide(null);
    expect((await driver.health()).state).toBe('healthy');
  });

  it('finds after a cut of the event stream what changed meanwhile', async () => {
    const call = prepare();
    await driver.create(call);
    await driver.start(call);
    const seen = new Set<string>();
    const end = driver.watch((id) => seen.add(id));
    await pause(500);
    seen.clear();
    proxy.decide(({ url }) => (url.startsWith('/events') ? { kind: 'refuse', status: 500, message: 'not now' } : { kind: 'pass' }));
    proxy.cutAll();
    await engine?.docker.getContainer((call.plan as { name: string }).name).kill();
    await pause(300);
    expect(seen.size).toBe(0);
    expect((await driver.health()).state).toBe('degraded');
    proxy.decide(null);
    const until = Date.now() + 15_000;
    while (seen.size === 0 && Date.now() < until) await pause(50);
    expect([...seen]).toEqual([call.sandbox.id]);
    end();
  });

  it('puts neither environment nor secrets into a query, and none into an error', async () => {
    const call = prepare({ environment: { API_KEY: { $secret: 's' } } });
    await driver.create(call);
    expect(proxy.seen.filter(({ url }) => url.includes('canary') || url.includes('Env'))).toEqual([]);
    expect(proxy.seen.filter(({ body }) => body.includes('canary')).map(({ method }) => method)).toEqual(['POST']);
    const broken = prepare({ environment: { API_KEY: { $secret: 's' } } });
    proxy.decide(({ url }) => (isCreate(url) ? { kind: 'refuse', status: 500, message: 'no room' } : { kind: 'pass' }));
    const failure = await driver.create(broken).catch((thrown: unknown) => thrown);
    expect(String(failure)).toContain('no room');
    expect(`${JSON.stringify(failure)} ${String(failure)}`).not.toContain('canary');
  });

  it('asks for at most four creates at once, however many drivers there are', async () => {
    proxy.decide(({ url }) => (isCreate(url) ? { kind: 'delay', ms: 30 } : { kind: 'pass' }));
    await Promise.all(Array.from({ length: 12 }, () => driver.create(prepare())));
    expect(proxy.mostCreates()).toBeLessThanOrEqual(4);
    expect(await driver.list()).toHaveLength(12);
  });

  it('gives up on an Engine that never answers', async () => {
    const slow = dockerDriver({ host: proxy.host, installation: 'slow', requestTimeoutMs: 200 });
    proxy.decide(() => ({ kind: 'delay', ms: 1_000 }));
    await expect(slow.list()).rejects.toThrow('not answered in time');
    await slow.close();
  });
});
