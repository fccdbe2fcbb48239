import { randomUUID } from 'node:crypto';
import { INSTALLATION_LABEL, SANDBOX_ID_LABEL } from '@tenon/vocabulary';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TenonError } from '../src/errors.ts';
import { isObject, type Json } from '../src/json.ts';
import type { Driver, DriverCall, DriverObservation, SandboxRef } from '../src/ports/driver.ts';
import type { SandboxRequest } from '../src/records.ts';
import type { RequestOverrides } from './fake-plan.ts';

/** Commands of the driver under test, in its own words. Each stays until stopped, but for `exit`. */
export interface ConformanceCommands {
  stay(): readonly string[];
  /** Ends by itself with this code. */
  exit(code: number): readonly string[];
  /** Writes this line, then stays. */
  print(line: string): readonly string[];
  /** Writes the value of this environment variable, then stays. */
  printEnv(name: string): readonly string[];
  /** Adds one line to something stored and writes how many there are, then stays. */
  count(): readonly string[];
  /** Refuses to end at the first, polite request. */
  stubborn(): readonly string[];
}

/** A driver on a real or fake backend, as the suite drives it. */
export interface ConformanceBench {
  readonly driver: Driver;
  /** A request that this driver can honour, its name unique in the backend. */
  request(overrides?: RequestOverrides): SandboxRequest;
  readonly commands: ConformanceCommands;
  /** Another driver on the same backend, as after a restart of Tenon. The suite closes it. */
  reopen(): Promise<Driver>;
  /** Ends the workload behind the driver's back, leaving what a death leaves. */
  breakWorkload(sandbox: SandboxRef, plan: Json): Promise<void>;
  /** Removes the whole sandbox behind the driver's back. */
  removeByHand(sandbox: SandboxRef, plan: Json): Promise<void>;
  /** Takes the driver down; called after the suite has deleted what it made. */
  close(): Promise<void>;
}

/** How long the suite waits for what the backend does by itself. */
const PATIENCE_MS = 20_000;

/** Every clause of the Driver port, as one suite: run it against each implementation. */
export function driverConformance(name: string, open: () => Promise<ConformanceBench>): void {
  describe(`driver conformance: ${name}`, () => {
    let bench: ConformanceBench;
    let driver: Driver;
    let made: DriverCall[];
    let extra: Driver[];

    beforeEach(async () => {
      bench = await open();
      driver = bench.driver;
      made = [];
      extra = [];
    });
    afterEach(async () => {
      for (const call of made) await driver.delete({ ...call, signal: AbortSignal.timeout(PATIENCE_MS) });
      for (const other of extra) await other.close();
      await driver.close();
      await bench.close();
    });

    function prepare(overrides: RequestOverrides = {}, secrets: Readonly<Record<string, string>> = {}): DriverCall {
      const id = randomUUID();
      const request = bench.request({ command: bench.commands.stay(), ...overrides });
      const call: DriverCall = {
        sandbox: { id, name: request.name, workspace: request.workspace },
        plan: deepFreeze(driver.plan(request, id)),
        resolveSecret: async (secret) => {
          const plain = secrets[secret];
          if (plain === undefined) throw new TenonError('internal', `no secret ${secret}`);
          return plain;
        },
        idempotencyKey: randomUUID(),
        signal: AbortSignal.timeout(60_000),
      };
      made.push(call);
      return call;
    }

    async function launch(overrides: RequestOverrides = {}, secrets: Readonly<Record<string, string>> = {}) {
      const call = prepare(overrides, secrets);
      await driver.create(call);
      if (!driver.createStarts) await driver.start(call);
      const observed = await driver.awaitReady(call);
      return { call, observed };
    }

    const inspect = (call: DriverCall): Promise<DriverObservation> => driver.inspect(call.sandbox, call.plan);
    const listed = async (call: DriverCall): Promise<boolean> =>
      (await driver.list()).some((row) => row.sandboxId === call.sandbox.id && row.state !== 'absent');

    describe('what it says of itself', () => {
      it('names itself, its chain and its kinds alike', () => {
        expect(driver.chain).toContain(driver.name);
        expect(driver.kinds).toHaveLength(driver.chain.length);
        expect(driver.kinds).toContain(driver.kind);
        expect(driver.lateCreateMs).toBeGreaterThanOrEqual(0);
      });

      it('lists the services that it offers, and offers those that it lists', async () => {
        const capabilities = await driver.capabilities();
        expect(Object.keys(driver.services()).sort()).toEqual([...capabilities.services].sort());
        expect(capabilities.version).not.toBe('');
        expect(capabilities.operations).toEqual(expect.arrayContaining(['create', 'start', 'stop', 'delete', 'reconcile', 'preview']));
        expect(capabilities.phases).toContain('prepare_plan');
      });

      it('answers for its health', async () => {
        const health = await driver.health();
        expect(health.state).toBe('healthy');
        expect(health.detail).not.toBe('');
        expect(Math.abs(Date.now() - health.checkedAt)).toBeLessThan(60_000);
      });

      it('describes its plan: points that exist in it, keyed lists with their keys, identity reserved', () => {
        const { plan } = prepare();
        const { schema } = driver;
        for (const point of schema.points) {
          expect(point.name).toMatch(/^[a-z]+(\.[a-z_]+)+$/);
          expect(schema.kind === 'composed' || point.name.startsWith(`${schema.kind}.`)).toBe(true);
          expect(at(plan, point.path), `${point.name} at ${point.path}`).toBeDefined();
          expect(point.openIn.length).toBeGreaterThan(0);
          if (point.merge === 'keyed_list') {
            expect(point.key).not.toBeNull();
            expect(schema.lists.find((rule) => rule.path === point.path)).toMatchObject({ key: point.key, ordered: point.ordered });
          }
        }
        for (const neutral of Object.values(schema.neutral)) expect(schema.points.map((point) => point.name)).toContain(neutral);
        expect(schema.reserved).toContain('/name');
        expect(schema.reserved.some((pattern) => pattern.includes('tenon.dev~1*'))).toBe(true);
        expect(schema.reserved.some((pattern) => pattern.includes('openshell.ai~1*'))).toBe(true);
        expect(schema.secrets).toContain('/env/*');
      });
    });

    describe('plan', () => {
      it('is deterministic, pure, and JSON', () => {
        const request = deepFreeze(bench.request({ environment: { B: '2', A: '1' } }));
        const first = driver.plan(request, 'id-1');
        const second = driver.plan(request, 'id-1');
        expect(first).toEqual(second);
        expect(JSON.stringify(first)).toBe(JSON.stringify(second));
        expect(JSON.parse(JSON.stringify(first))).toEqual(first);
        expect(driver.plan(request, 'id-2')).not.toEqual(first);
      });

      it('lets the spec win over the template, and the driver over both', () => {
        const request = bench.request({
          template: { environment: { A: 'template', B: 'template', TENON_SANDBOX_ID: 'forged' } },
          environment: { B: 'spec', C: 'spec', TENON_SANDBOX_ID: 'forged too' },
        });
        expect(at(driver.plan(request, 'id-1'), '/env')).toMatchObject({ A: 'template', B: 'spec', C: 'spec', TENON_SANDBOX_ID: 'id-1' });
      });

      it('labels with identity, over whatever the request says', () => {
        const labels = at(driver.plan(bench.request({ template: { labels: { team: 'a', [SANDBOX_ID_LABEL]: 'forged' } } }), 'id-1'), '/labels');
        expect(labels).toMatchObject({ team: 'a', [SANDBOX_ID_LABEL]: 'id-1' });
        expect(labels).toHaveProperty([INSTALLATION_LABEL]);
      });

      it('keeps secrets as references', () => {
        const plan = driver.plan(bench.request({ environment: { API_KEY: { $secret: 'secret-1' } } }), 'id-1');
        expect(at(plan, '/env/API_KEY')).toEqual({ $secret: 'secret-1' });
      });

      it('refuses by name, with a pointer, what it cannot honour', () => {
        const field = driver.name;
        expectRefusal(() => driver.plan(bench.request({ template: { driverConfig: { [field]: { surely_unknown: 1 } } } }), 'x'), 'unknown_field', {
          pointer: `/template/driverConfig/${field}/surely_unknown`,
          mentions: 'surely_unknown',
        });
        expectRefusal(() => driver.plan(bench.request({ template: { platformConfig: { host_users: true } } }), 'x'), 'unknown_field', {
          pointer: '/template/platformConfig/host_users',
          mentions: 'host_users',
        });
        expectRefusal(() => driver.plan(bench.request({ template: { resources: { cpuRequest: '100m' } } }), 'x'), 'validation_failed', {
          pointer: '/template/resources/cpuRequest',
          mentions: 'cpuRequest',
        });
      });

      it('accepts its own plan, and judges a broken one by path', () => {
        const { plan } = prepare();
        expect(driver.validate(plan)).toEqual([]);
        if (!isObject(plan)) throw new Error('a plan is an object');
        expect(driver.validate(null as Json).length).toBeGreaterThan(0);
        const strange = driver.validate({ ...plan, surelyUnknown: 1 } as Json);
        expect(strange.some((issue) => issue.path === '/surelyUnknown')).toBe(true);
        const badEnv = driver.validate({ ...plan, env: { A: 1 } } as Json);
        expect(badEnv.some((issue) => issue.path === '/env/A')).toBe(true);
        const noName = driver.validate({ ...plan, name: '' } as Json);
        expect(noName.some((issue) => issue.path === '/name')).toBe(true);
      });
    });

    describe('create', () => {
      it('makes what inspect and list then show, once, however often it is called', async () => {
        const call = prepare();
        expect(await inspect(call)).toMatchObject({ sandboxId: call.sandbox.id, state: 'absent', ready: false, exitCode: null, instance: null });
        const first = await driver.create(call);
        const again = await driver.create({ ...call, idempotencyKey: randomUUID() });
        expect(again.instance).toBe(first.instance);
        expect((await inspect(call)).state).toBe(driver.createStarts ? 'running' : 'created');
        expect((await driver.list()).filter((row) => row.sandboxId === call.sandbox.id)).toHaveLength(1);
      });

      it('adopts what another process of ours made', async () => {
        const call = prepare();
        await driver.create(call);
        const other = await bench.reopen();
        extra.push(other);
        await other.create(call);
        expect((await driver.list()).filter((row) => row.sandboxId === call.sandbox.id)).toHaveLength(1);
        expect((await other.inspect(call.sandbox, call.plan)).state).toBe((await inspect(call)).state);
      });

      it('is safe when called twice at once', async () => {
        const call = prepare();
        await Promise.all([driver.create(call), driver.create(call)]);
        expect((await driver.list()).filter((row) => row.sandboxId === call.sandbox.id)).toHaveLength(1);
      });

      it('makes many at once', async () => {
        const calls = Array.from({ length: 8 }, () => prepare());
        await Promise.all(calls.map((call) => driver.create(call)));
        const ids = new Set((await driver.list()).map((row) => row.sandboxId));
        expect(calls.every((call) => ids.has(call.sandbox.id))).toBe(true);
        await Promise.all(calls.map((call) => driver.delete(call)));
        const left = new Set((await driver.list()).map((row) => row.sandboxId));
        expect(calls.some((call) => left.has(call.sandbox.id))).toBe(false);
      });
    });

    describe('start', () => {
      it('runs, is ready, and keeps its identity over repeated starts', async () => {
        const { call, observed } = await launch();
        expect(observed).toMatchObject({ sandboxId: call.sandbox.id, state: 'running', ready: true, exitCode: null });
        expect(observed.instance).not.toBeNull();
        const again = await driver.start(call);
        expect(again.instance).toBe(observed.instance);
        expect((await inspect(call)).instance).toBe(observed.instance);
      });

      it('fails, saying so, where nothing was created', async () => {
        const call = prepare();
        if (driver.createStarts) return;
        await expect(driver.start(call)).rejects.toMatchObject({ code: 'driver_failed' });
      });

      it('reports a command that ends by itself with its code', async () => {
        for (const code of [0, 3]) {
          const { call } = await launch({ command: bench.commands.exit(code) });
          const ended = await eventually(
            () => inspect(call),
            (now) => now.state === 'exited',
          );
          expect(ended).toMatchObject({ state: 'exited', ready: false, exitCode: code });
          expect(ended.reason).not.toBeNull();
          expect(ended.message).not.toBeNull();
          expect(await driver.awaitReady(call)).toMatchObject({ state: 'exited', exitCode: code });
        }
      });
    });

    describe('stop', () => {
      it('confirms, may be repeated, and keeps what is stored', async () => {
        const { call, observed } = await launch({ command: bench.commands.count() });
        await eventually(
          () => driver.logs(call.sandbox, call.plan, { tail: 10 }),
          (text) => text.includes('1'),
        );
        await driver.stop(call);
        expect((await inspect(call)).state).toBe('exited');
        await driver.stop(call);
        expect(await listed(call)).toBe(true);
        await driver.start(call);
        const again = await driver.awaitReady(call);
        expect(again).toMatchObject({ state: 'running', ready: true });
        expect(again.instance).not.toBe(observed.instance);
        await eventually(
          () => driver.logs(call.sandbox, call.plan, { tail: 10 }),
          (text) => text.includes('2'),
        );
      });

      it('ends a workload that does not listen', async () => {
        const { call } = await launch({ command: bench.commands.stubborn() });
        await driver.stop(call);
        expect((await inspect(call)).state).toBe('exited');
      });

      it('succeeds where nothing runs, and where nothing is', async () => {
        const call = prepare();
        await driver.stop(call);
        await driver.create(call);
        await driver.stop(call);
        expect((await inspect(call)).state).not.toBe('running');
      });
    });

    describe('delete', () => {
      it('confirms that a running one is gone, may be repeated, and frees the name', async () => {
        const { call } = await launch();
        await driver.delete(call);
        expect(await inspect(call)).toMatchObject({ state: 'absent', instance: null });
        expect(await listed(call)).toBe(false);
        await driver.delete(call);
        await driver.create(call);
        expect(await listed(call)).toBe(true);
      });

      it('removes one that was never started, one that was stopped, and one that never was', async () => {
        const created = prepare();
        await driver.create(created);
        await driver.delete(created);
        expect((await inspect(created)).state).toBe('absent');
        const { call } = await launch();
        await driver.stop(call);
        await driver.delete(call);
        expect((await inspect(call)).state).toBe('absent');
        await driver.delete(prepare());
      });
    });

    describe('what happens by itself', () => {
      it('notices a death, with what is known of it', async () => {
        const { call } = await launch();
        const seen = watch(driver);
        await bench.breakWorkload(call.sandbox, call.plan);
        await eventually(async () => seen.ids.has(call.sandbox.id), Boolean);
        const ended = await eventually(
          () => inspect(call),
          (now) => now.state === 'exited',
        );
        expect(ended.reason).not.toBeNull();
        seen.end();
      });

      it('notices an exit', async () => {
        const seen = watch(driver);
        const { call } = await launch({ command: bench.commands.exit(0) });
        await eventually(async () => seen.ids.has(call.sandbox.id), Boolean);
        seen.end();
      });

      it('notices a removal by hand', async () => {
        const { call } = await launch();
        const seen = watch(driver);
        await bench.removeByHand(call.sandbox, call.plan);
        await eventually(async () => seen.ids.has(call.sandbox.id), Boolean);
        expect((await inspect(call)).state).toBe('absent');
        await driver.stop(call);
        await driver.delete(call);
        seen.end();
      });

      it('says no more once the watch has ended', async () => {
        const seen = watch(driver);
        seen.end();
        seen.ids.clear();
        const { call } = await launch({ command: bench.commands.exit(0) });
        await eventually(
          () => inspect(call),
          (now) => now.state === 'exited',
        );
        expect(seen.ids.size).toBe(0);
      });
    });

    describe('logs', () => {
      it('gives the last lines', async () => {
        const { call } = await launch({ command: bench.commands.print('hello from the sandbox') });
        await eventually(
          () => driver.logs(call.sandbox, call.plan, { tail: 100 }),
          (text) => text.includes('hello from the sandbox'),
        );
        expect((await driver.logs(call.sandbox, call.plan, { tail: 0 })).trim()).toBe('');
      });
    });

    describe('secrets', () => {
      it('resolves them for the workload alone, at the last moment', async () => {
        const plain = `s3cret-${randomUUID()} "quoted" $HOME 'é`;
        const { call } = await launch({ command: bench.commands.printEnv('API_KEY'), environment: { API_KEY: { $secret: 'one' } } }, { one: plain });
        await eventually(
          () => driver.logs(call.sandbox, call.plan, { tail: 100 }),
          (text) => text.includes(plain),
        );
        expect(JSON.stringify(call.plan)).not.toContain('s3cret');
        expect(JSON.stringify(await inspect(call))).not.toContain('s3cret');
        expect(JSON.stringify(await driver.list())).not.toContain('s3cret');
      });

      it('makes nothing where one cannot be resolved', async () => {
        const call = prepare({ environment: { API_KEY: { $secret: 'gone' } } });
        await expect(driver.create(call).then(() => driver.start(call))).rejects.toBeInstanceOf(TenonError);
        expect(['absent', 'created']).toContain((await inspect(call)).state);
      });
    });

    describe('lost answers', () => {
      it('does nothing under a signal that has fired already', async () => {
        const call = prepare();
        await expect(driver.create({ ...call, signal: AbortSignal.abort() })).rejects.toBeInstanceOf(TenonError);
        expect((await inspect(call)).state).toBe('absent');
      });

      it('can be asked about after an abort at any moment, and cleaned', async () => {
        for (const afterMs of [0, 5, 30]) {
          const call = prepare();
          const abort = new AbortController();
          const outcome = Promise.allSettled([driver.create({ ...call, signal: abort.signal })]);
          await new Promise((resolve) => setTimeout(resolve, afterMs));
          abort.abort();
          await outcome;
          expect(['absent', 'created', 'running']).toContain((await inspect(call)).state);
          // A create that nobody answered may still land: the engine looks again after this time.
          await new Promise((resolve) => setTimeout(resolve, Math.min(driver.lateCreateMs, 1_000)));
          await driver.delete(call);
          expect((await inspect(call)).state).toBe('absent');
        }
      });

      it('rejects waiting for ready when told to', async () => {
        const { call } = await launch();
        await expect(driver.awaitReady({ ...call, signal: AbortSignal.abort() })).rejects.toBeInstanceOf(TenonError);
      });
    });

    describe('services, where it offers them', () => {
      it('probes and runs commands in what runs, and in nothing else', async () => {
        const { exec, tcp_probe } = driver.services();
        const { call } = await launch();
        const port = 1;
        const signal = AbortSignal.timeout(PATIENCE_MS);
        if (exec !== undefined) expect(typeof (await exec({ sandbox: call.sandbox, command: ['true'], signal })).exitCode).toBe('number');
        await driver.stop(call);
        if (tcp_probe !== undefined) expect(await tcp_probe({ sandbox: call.sandbox, port, signal })).toBe(false);
        if (exec !== undefined) await expect(exec({ sandbox: call.sandbox, command: ['true'], signal })).rejects.toMatchObject({ code: 'driver_failed' });
      });
    });

    describe('restart of Tenon', () => {
      it('finds what runs, unchanged, and can stop it', async () => {
        const { call, observed } = await launch();
        const other = await bench.reopen();
        extra.push(other);
        expect(await other.inspect(call.sandbox, call.plan)).toMatchObject({ state: 'running', ready: true, instance: observed.instance });
        expect((await other.list()).some((row) => row.sandboxId === call.sandbox.id)).toBe(true);
        await other.stop(call);
        expect((await inspect(call)).state).toBe('exited');
      });
    });
  });
}

function watch(driver: Driver): { readonly ids: Set<string>; end(): void } {
  const ids = new Set<string>();
  const end = driver.watch((sandboxId) => ids.add(sandboxId));
  return { ids, end };
}

async function eventually<T>(read: () => Promise<T>, good: (value: T) => boolean): Promise<T> {
  const until = Date.now() + PATIENCE_MS;
  let last = await read();
  while (!good(last)) {
    if (Date.now() > until) throw new Error(`not within ${PATIENCE_MS} ms; last seen: ${JSON.stringify(last)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
    last = await read();
  }
  return last;
}

function expectRefusal(act: () => unknown, code: string, want: { readonly pointer: string; readonly mentions: string }): void {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(TenonError);
  if (!(thrown instanceof TenonError)) return;
  expect(thrown.code).toBe(code);
  expect(thrown.context.pointer).toBe(want.pointer);
  expect(thrown.message).toContain(want.mentions);
}

function at(plan: Json, pointer: string): unknown {
  let value: unknown = plan;
  for (const raw of pointer.split('/').slice(1)) {
    const segment = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    value = isObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
  }
  return value;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
