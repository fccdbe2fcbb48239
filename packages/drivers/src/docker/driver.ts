import { setTimeout as pause } from 'node:timers/promises';
import { type Driver, type DriverCall, type DriverHealthReport, type DriverObservation, type Json, TenonError, toTenonError } from '@tenon/lifecycle';
import { ChangeWatch } from '../backend-parts/change-watch.ts';
import { Turns } from '../backend-parts/turns.ts';
import { askEngine, dockerCapabilities } from './capabilities.ts';
import { DockerClient } from './client.ts';
import { type DockerDriverOptions, describeAddress, dockerSettings, type EngineFacts } from './config.ts';
import { EngineApi, EngineRefusal } from './engine-api.ts';
import { type EventWatch, watchEvents } from './events.ts';
import { dockerIssues } from './plan-rules.ts';
import { DOCKER_SCHEMA, type DockerPlan, planDocker } from './planner.ts';
import { dockerServices } from './services.ts';

/** How long what an Engine said of itself is believed, ms: it may be upgraded under us. */
const FACTS_MS = 30_000;
const READY_POLL_MS = 250;
const EVENT_SETTLE_MS = 100;

/**
 * Runs each sandbox as a container of a Docker Engine, found again by a deterministic name and by labels. Makes and starts apart; an
 * exit is final; nothing of another installation is ever touched.
 */
export function dockerDriver(options: DockerDriverOptions): Driver {
  const settings = dockerSettings(options, process.env);
  const api = new EngineApi(settings.address, settings.requestTimeoutMs);
  const client = new DockerClient(api, settings);
  const changes = new ChangeWatch();
  const turns = new Turns();
  let facts: EngineFacts | null = null;
  let factsAt = 0;
  let events: EventWatch | null = null;
  let relist: NodeJS.Timeout | null = null;
  let trouble: string | null = null;

  async function currentFacts(): Promise<EngineFacts> {
    if (facts !== null && Date.now() - factsAt < FACTS_MS) return facts;
    facts = await askEngine(api);
    factsAt = Date.now();
    return facts;
  }

  /** The watch has nobody to throw at: what goes wrong shows in the health until the next good look. */
  async function quietly(look: () => Promise<void>): Promise<void> {
    try {
      await look();
      trouble = null;
    } catch (thrown) {
      trouble = toTenonError(thrown, 'driver_failed').message;
    }
  }
  const lookAt = (sandboxId: string): Promise<void> => quietly(async () => changes.saw(await client.observeId(sandboxId)));
  /** One operation makes a handful of events: one look answers them all. */
  const soon = new Set<string>();
  function lookSoon(sandboxId: string): void {
    if (soon.has(sandboxId)) return;
    soon.add(sandboxId);
    setTimeout(() => {
      soon.delete(sandboxId);
      void lookAt(sandboxId);
    }, EVENT_SETTLE_MS).unref();
  }
  const lookAround = (): Promise<void> =>
    quietly(async () => {
      // What the Engine can do is known before the first request asks for it, and again after an upgrade.
      await currentFacts();
      const before = changes.known();
      changes.sawAll(await client.list(), before);
    });

  async function guarded<T>(call: Pick<DriverCall, 'sandbox'> & { readonly signal?: AbortSignal }, act: () => Promise<T>): Promise<T> {
    const sandboxId = call.sandbox.id;
    try {
      return await act();
    } catch (thrown) {
      if (thrown instanceof TenonError) throw thrown.within({ sandboxId });
      if (call.signal?.aborted === true) throw new TenonError('driver_unavailable', 'the call was aborted before it was answered', { sandboxId }, thrown);
      if (thrown instanceof EngineRefusal) throw new TenonError('driver_failed', `the Docker Engine refused: ${thrown.message}`, { sandboxId }, thrown);
      throw toTenonError(thrown, 'driver_failed', { sandboxId });
    }
  }

  /**
   * Calls of one sandbox take turns, and what was sent to the Engine is waited for even where the caller no longer does: a delete
   * that follows an aborted create finds it done or not done, never about to be.
   */
  function inTurn<T>(call: DriverCall, act: () => Promise<T>): Promise<T> {
    return guarded(call, () => {
      const work = turns.run(call.sandbox.id, async () => {
        call.signal.throwIfAborted();
        return act();
      });
      return orAborted(work, call.signal);
    });
  }

  async function awaitReady(call: DriverCall): Promise<DriverObservation> {
    for (;;) {
      call.signal.throwIfAborted();
      const now = await client.observe(call.sandbox);
      if (now.ready || now.state !== 'running') return now;
      await pause(READY_POLL_MS, undefined, { signal: call.signal });
    }
  }

  function planOf(call: DriverCall): DockerPlan {
    const issue = dockerIssues(call.plan, settings, facts)[0];
    if (issue === undefined) return call.plan as unknown as DockerPlan;
    const hint = issue.hint === undefined ? {} : { hint: issue.hint };
    throw new TenonError('plan_invalid', `${issue.path}: ${issue.message}`, { path: issue.path, sandboxId: call.sandbox.id, ...hint });
  }

  function beginWatch(): void {
    events ??= watchEvents(api, settings.installation, lookSoon, lookAround);
    // Events can be missed without a word (a hung Engine, a clock that jumped): a look at everything finds what they did not tell.
    relist ??= setInterval(() => void lookAround(), settings.relistMs).unref();
  }

  return {
    name: settings.name,
    kind: 'docker',
    chain: [settings.name],
    kinds: ['docker'],
    createStarts: false,
    schema: DOCKER_SCHEMA,
    ownReadiness: false,
    lateCreateMs: 5_000,
    async capabilities() {
      // An Engine that is down still has the capabilities it had: its health says that it is down.
      await currentFacts().catch((thrown: unknown) => {
        trouble = toTenonError(thrown, 'driver_unavailable').message;
      });
      return dockerCapabilities(settings, facts);
    },
    async health(): Promise<DriverHealthReport> {
      const checkedAt = Date.now();
      try {
        facts = await askEngine(api);
        factsAt = checkedAt;
      } catch (thrown) {
        return { state: 'unavailable', detail: toTenonError(thrown, 'driver_unavailable').message, checkedAt };
      }
      const silent = events?.trouble() ?? null;
      if (silent !== null) return { state: 'degraded', detail: `no events: ${silent}; changes are found every ${settings.relistMs / 1000} s`, checkedAt };
      if (trouble !== null) return { state: 'degraded', detail: trouble, checkedAt };
      return { state: 'healthy', detail: `Engine ${facts.version} at ${describeAddress(settings.address)}`, checkedAt };
    },
    plan: (request, sandboxId) => planDocker(settings, facts, request, sandboxId) as unknown as Json,
    validate: (plan) => dockerIssues(plan, settings, facts),
    create: (call) =>
      inTurn(call, async () => {
        const known = facts ?? (await currentFacts());
        await client.create(call, planOf(call), settings.init && known.init);
        return { instance: null };
      }),
    start: (call) =>
      inTurn(call, async () => {
        const known = facts ?? (await currentFacts());
        return { instance: await client.start(call, planOf(call), settings.init && known.init) };
      }),
    awaitReady: (call) => guarded(call, () => awaitReady(call)),
    stop: (call) => inTurn(call, () => client.stop(call)),
    delete: (call) => inTurn(call, () => client.delete(call)),
    inspect: (sandbox) => guarded({ sandbox }, () => client.observe(sandbox)),
    list: () =>
      client.list().catch((thrown: unknown) => {
        throw toTenonError(thrown, 'driver_failed');
      }),
    watch(onChange) {
      const end = changes.add(onChange);
      beginWatch();
      return end;
    },
    logs: (sandbox, _plan, { tail }) => guarded({ sandbox }, () => client.logs(sandbox, tail)),
    services: () => {
      const { exec, tcp_probe, container_networks } = dockerServices(api, client, settings.installation);
      return {
        exec: (call) => guarded(call, () => exec(call)),
        tcp_probe: (call) => guarded(call, () => tcp_probe(call)),
        container_networks,
      };
    },
    async close() {
      if (relist !== null) clearInterval(relist);
      changes.clear();
      await events?.end();
    },
  };
}

/** The work's own answer, or a rejection as soon as the caller gives up. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    const settle = (): void => signal.removeEventListener('abort', leave);
    work.then(resolve, reject).finally(settle);
    if (signal.aborted) leave();
  });
}
