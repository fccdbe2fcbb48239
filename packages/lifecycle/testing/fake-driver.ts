import { PHASE_NAMES } from '@tenon/vocabulary';
import { TenonError } from '../src/errors.ts';
import { isObject, type Json } from '../src/json.ts';
import type { Driver, DriverCall, DriverCapabilities, DriverHealthReport, DriverServices } from '../src/ports/driver.ts';
import { type FakeBackend, type FakeWorkload, fakeBackend, observe } from './fake-backend.ts';
import { FAKE_SCHEMA, type FakePlan, fakeIssues, fakePlan } from './fake-plan.ts';

export type FakeCallName = 'create' | 'start' | 'awaitReady' | 'stop' | 'delete' | 'inspect' | 'list' | 'logs';

/** How one call goes. */
export type FakeBehaviour =
  | { readonly kind: 'ok' }
  /** Nothing happens and the call fails; default `driver_failed`. */
  | { readonly kind: 'fail'; readonly error?: TenonError }
  /** It happens, and then the call fails as if the line was cut; default `driver_unavailable`. */
  | { readonly kind: 'lost'; readonly error?: TenonError }
  /** Waits, heeding the signal, then goes as `next` (ok). */
  | { readonly kind: 'delay'; readonly ms: number; readonly next?: FakeBehaviour }
  /** Waits for the gate, heeding the signal, then goes as `next` (ok). */
  | { readonly kind: 'gate'; readonly gate: Promise<void>; readonly next?: FakeBehaviour }
  /** Never answers until aborted; where `landsMs` is given it happens that long after the abort, unseen by the caller. */
  | { readonly kind: 'hang'; readonly landsMs?: number };

export interface FakeDriverOptions {
  readonly name?: string;
  /** The backend to open on; absent: one of its own. */
  readonly backend?: FakeBackend;
  readonly createStarts?: boolean;
  /** Ready only when `backend.setReady` says so. */
  readonly ownReadiness?: boolean;
  readonly lateCreateMs?: number;
  /** Whether the backend relaunches lost workloads: adds before_restore and after_restore. */
  readonly relaunches?: boolean;
  readonly capabilities?: Partial<DriverCapabilities>;
  readonly health?: Partial<DriverHealthReport>;
  readonly services?: Partial<DriverServices>;
}

export interface FakeCall {
  readonly call: FakeCallName;
  readonly sandboxId: string;
  readonly idempotencyKey: string | null;
  readonly plan: Json | null;
  /** Pending until the call has settled. */
  outcome: 'pending' | 'ok' | 'failed';
}

export interface FakeDriver extends Driver {
  readonly backend: FakeBackend;
  /** Every call in the order in which it began. */
  readonly calls: readonly FakeCall[];
  /** The names of the calls that change something (create, start, stop, delete), in order. */
  changes(): readonly string[];
  /** The next calls of this name go so, one behaviour each. */
  next(call: FakeCallName, ...behaviours: FakeBehaviour[]): void;
  /** Every later call of this name goes so, once what `next` queued is used up; null: ok again. */
  always(call: FakeCallName, behaviour: FakeBehaviour | null): void;
  /** Forgets the log of calls. */
  forget(): void;
}

/**
 * The Driver port in memory, kind docker. Of its commands `exit N` ends by itself at its start with code N; `print TEXT…`, `printenv NAME`
 * and `count` (of starts) write a log line and stay; anything else stays until stopped.
 */
export function fakeDriver(options: FakeDriverOptions = {}): FakeDriver {
  const backend = options.backend ?? fakeBackend();
  const name = options.name ?? 'docker';
  const createStarts = options.createStarts ?? false;
  const calls: FakeCall[] = [];
  const queued = new Map<FakeCallName, FakeBehaviour[]>();
  const standing = new Map<FakeCallName, FakeBehaviour>();
  const endWatches = new Set<() => void>();

  async function go<T>(call: FakeCallName, sandboxId: string, from: DriverCall | null, act: () => T | Promise<T>): Promise<T> {
    const entry: FakeCall = {
      call,
      sandboxId,
      idempotencyKey: from?.idempotencyKey ?? null,
      plan: from === null ? null : structuredClone(from.plan),
      outcome: 'pending',
    };
    calls.push(entry);
    const behaviour = queued.get(call)?.shift() ?? standing.get(call) ?? { kind: 'ok' };
    try {
      const answer = await behave(call, behaviour, from?.signal, act);
      entry.outcome = 'ok';
      return answer;
    } catch (thrown) {
      entry.outcome = 'failed';
      throw thrown;
    }
  }

  function begin(workload: FakeWorkload): string {
    const instance = backend.nextInstance();
    Object.assign(workload, { state: 'running', ready: options.ownReadiness !== true, exitCode: null, reason: null, message: null, instance });
    const [verb, ...rest] = workload.plan.command;
    workload.starts += 1;
    if (verb === 'print') workload.log.push(rest.join(' '));
    if (verb === 'printenv') workload.log.push(workload.env[rest[0] ?? ''] ?? '');
    if (verb === 'count') workload.log.push(String(workload.starts));
    backend.touch(workload.sandbox.id);
    if (verb === 'exit') backend.exit(workload.sandbox.id, Number(rest[0] ?? '0'));
    return instance;
  }

  async function create(call: DriverCall): Promise<{ instance: string | null }> {
    const standingOne = backend.workloads.get(call.sandbox.id);
    if (standingOne !== undefined) return { instance: standingOne.instance };
    const plan = structuredClone(call.plan) as unknown as FakePlan;
    const taken = backend.foreignNames.has(plan.name) || [...backend.workloads.values()].some((other) => other.name === plan.name);
    if (taken) {
      throw new TenonError('driver_failed', `the name ${plan.name} is held by an object that is not of this sandbox`, {
        sandboxId: call.sandbox.id,
        hint: 'remove that object, or choose another name',
      });
    }
    const workload: FakeWorkload = {
      sandbox: call.sandbox,
      name: plan.name,
      plan,
      env: await resolveAll(plan.env, call),
      files: await resolveAll(Object.fromEntries(plan.files.map((file) => [file.path, file.contents])), call),
      state: 'created',
      ready: false,
      exitCode: null,
      reason: null,
      message: null,
      instance: null,
      starts: 0,
      log: [],
    };
    backend.put(workload);
    return { instance: createStarts ? begin(workload) : null };
  }

  async function start(call: DriverCall): Promise<{ instance: string | null }> {
    const workload = backend.workloads.get(call.sandbox.id);
    if (workload === undefined) {
      throw new TenonError('driver_failed', `sandbox ${call.sandbox.id} is not at the backend: create it first`, { sandboxId: call.sandbox.id });
    }
    if (workload.state === 'running') return { instance: workload.instance };
    const plan = call.plan as unknown as FakePlan;
    backend.put({ ...workload, env: await resolveAll(plan.env, call) });
    return { instance: begin(backend.workloads.get(call.sandbox.id) ?? workload) };
  }

  function settled(sandboxId: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        const now = observe(sandboxId, backend.workloads.get(sandboxId));
        if (!now.ready && now.state === 'running') return;
        leave();
        resolve();
      };
      const aborted = (): void => {
        leave();
        reject(abortedCall('awaitReady'));
      };
      const unsubscribe = backend.onChange((changed) => {
        if (changed === sandboxId) done();
      });
      const leave = (): void => {
        unsubscribe();
        signal.removeEventListener('abort', aborted);
      };
      signal.addEventListener('abort', aborted, { once: true });
      if (signal.aborted) aborted();
      else done();
    });
  }

  const services: DriverServices = {
    exec: async ({ sandbox, command }) => {
      const state = backend.workloads.get(sandbox.id)?.state ?? 'absent';
      if (state !== 'running') throw new TenonError('driver_failed', `sandbox ${sandbox.id} does not run: it is ${state}`, { sandboxId: sandbox.id });
      return { exitCode: 0, output: command.join(' ') };
    },
    tcp_probe: async ({ sandbox }) => backend.workloads.get(sandbox.id)?.state === 'running',
    container_networks: fakeNetworks(backend),
  };

  return {
    backend,
    calls,
    changes: () => calls.filter((entry) => ['create', 'start', 'stop', 'delete'].includes(entry.call)).map((entry) => entry.call),
    next: (call, ...behaviours) => void queued.set(call, [...(queued.get(call) ?? []), ...behaviours]),
    always: (call, behaviour) => void (behaviour === null ? standing.delete(call) : standing.set(call, behaviour)),
    forget: () => void calls.splice(0),

    name,
    kind: 'docker',
    chain: [name],
    kinds: ['docker'],
    createStarts,
    ownReadiness: options.ownReadiness ?? false,
    lateCreateMs: options.lateCreateMs ?? 0,
    schema: FAKE_SCHEMA,
    capabilities: async () => ({
      operations: ['create', 'start', 'stop', 'delete', 'reconcile', 'preview'],
      phases: PHASE_NAMES.filter((phase) => options.relaunches === true || (phase !== 'before_restore' && phase !== 'after_restore')),
      features: [],
      limits: {},
      services: ['exec', 'tcp_probe', 'container_networks'],
      isolation: 'container',
      version: 'fake 1',
      ...options.capabilities,
    }),
    health: async () => ({ state: 'healthy', detail: 'in memory', checkedAt: Date.now(), ...options.health }),
    plan: (request, sandboxId) => fakePlan(name, request, sandboxId) as unknown as Json,
    validate: fakeIssues,
    create: (call) => go('create', call.sandbox.id, call, () => create(call)),
    start: (call) => go('start', call.sandbox.id, call, () => start(call)),
    awaitReady: (call) =>
      go('awaitReady', call.sandbox.id, call, async () => {
        await settled(call.sandbox.id, call.signal);
        return observe(call.sandbox.id, backend.workloads.get(call.sandbox.id));
      }),
    stop: (call) =>
      go('stop', call.sandbox.id, call, () => {
        if (backend.workloads.get(call.sandbox.id)?.state === 'running') backend.exit(call.sandbox.id, 143, 'stopped');
      }),
    delete: (call) => go('delete', call.sandbox.id, call, () => backend.vanish(call.sandbox.id)),
    inspect: (sandbox) => go('inspect', sandbox.id, null, () => observe(sandbox.id, backend.workloads.get(sandbox.id))),
    list: () => go('list', '', null, () => [...backend.workloads].map(([id, workload]) => observe(id, workload))),
    watch: (onChange) => {
      const end = backend.onChange(onChange);
      endWatches.add(end);
      return () => {
        end();
        endWatches.delete(end);
      };
    },
    logs: (sandbox, _plan, { tail }) =>
      go('logs', sandbox.id, null, () => (backend.workloads.get(sandbox.id)?.log ?? []).slice(tail === 0 ? Number.MAX_SAFE_INTEGER : -tail).join('\n')),
    services: () => ({ ...services, ...options.services }),
    close: async () => {
      for (const end of endWatches) end();
      endWatches.clear();
    },
  };
}

async function behave<T>(call: FakeCallName, behaviour: FakeBehaviour, signal: AbortSignal | undefined, act: () => T | Promise<T>): Promise<T> {
  if (signal?.aborted) throw abortedCall(call);
  switch (behaviour.kind) {
    case 'ok':
      return act();
    case 'fail':
      throw behaviour.error ?? new TenonError('driver_failed', `the fake backend refused ${call}`);
    case 'lost':
      await act();
      throw behaviour.error ?? new TenonError('driver_unavailable', `the answer of ${call} was lost`);
    case 'delay':
      await orAborted(call, signal, (done) => setTimeout(done, behaviour.ms));
      return behave(call, behaviour.next ?? { kind: 'ok' }, signal, act);
    case 'gate':
      await orAborted(call, signal, (done) => void behaviour.gate.then(done));
      return behave(call, behaviour.next ?? { kind: 'ok' }, signal, act);
    case 'hang':
      try {
        await orAborted(call, signal, () => undefined);
        return act();
      } catch (thrown) {
        // A late landing is nobody's answer: when it fails there is nobody to tell.
        if (behaviour.landsMs !== undefined)
          setTimeout(
            () =>
              void Promise.resolve()
                .then(act)
                .catch(() => undefined),
            behaviour.landsMs,
          );
        throw thrown;
      }
  }
}

function orAborted(call: FakeCallName, signal: AbortSignal | undefined, wait: (done: () => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(abortedCall(call));
    if (signal?.aborted) return aborted();
    signal?.addEventListener('abort', aborted, { once: true });
    wait(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    });
  });
}

function abortedCall(call: FakeCallName): TenonError {
  return new TenonError('driver_unavailable', `${call} was aborted before it answered`);
}

async function resolveAll(values: Readonly<Record<string, Json | { readonly $secret: string }>>, call: DriverCall): Promise<Record<string, string>> {
  const resolved: Record<string, string> = {};
  for (const [key, value] of Object.entries(values)) {
    resolved[key] = isObject(value) && typeof value.$secret === 'string' ? await call.resolveSecret(value.$secret) : String(value);
  }
  return resolved;
}

function fakeNetworks(backend: FakeBackend): DriverServices['container_networks'] {
  return {
    ensure: async ({ name, subnet, labels }) => {
      const there = backend.networks.get(name);
      if (there !== undefined) return { id: there.id, name, subnet: there.subnet, gateway: there.gateway };
      const made = { id: `net-${name}`, name, subnet, gateway: null, labels };
      backend.networks.set(name, made);
      return { id: made.id, name, subnet, gateway: null };
    },
    remove: async ({ name }) => void backend.networks.delete(name),
    list: async () => [...backend.networks.values()].map(({ name, labels }) => ({ name, labels })),
  };
}
