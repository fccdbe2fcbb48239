import { setTimeout as pause } from 'node:timers/promises';
import { type DriverCall, type DriverObservation, type SandboxRef, TenonError } from '@tenon/lifecycle';
import { INSTALLATION_LABEL, SANDBOX_ID_LABEL } from '@tenon/vocabulary';
import type { ContainerInfo, ContainerInspectInfo, VolumeInspectInfo } from 'dockerode';
import { Slots, Turns } from '../backend-parts/turns.ts';
import { backendName, escapeSegment } from '../plan-parts/identity.ts';
import { type DockerSettings, describeAddress } from './config.ts';
import { demultiplex } from './demultiplex.ts';
import { type EngineApi, EngineRefusal } from './engine-api.ts';
import { pullImage } from './images.ts';
import { absent, hasStarted, observationOf, sandboxOf } from './observation.ts';
import type { DockerPlan } from './planner.ts';
import { createBody, endpoint } from './spec.ts';

/** Two cores sustain what four creates at once ask for; more only wait in the Engine. One limit a daemon, whoever drives it here. */
const CREATES_AT_ONCE = 4;
const creates = new Map<string, Slots>();

const INSPECTS_AT_ONCE = 8;
const LOG_BYTES = 4 * 2 ** 20;
/** How long the Engine may take to be done with a removal that it has accepted. */
const REMOVED_WITHIN_MS = 60_000;

/** A container that a create made or adopted, and the networks that it is on. */
interface Made {
  readonly id: string;
  readonly joined: ReadonlySet<string>;
}

/**
 * What the docker driver asks of the Engine. Calls of one sandbox must not overlap. A create or start once sent is waited for, up to
 * the request timeout, whatever its caller's signal says: so the next call of that sandbox finds it settled.
 */
export class DockerClient {
  readonly #api: EngineApi;
  readonly #settings: DockerSettings;
  readonly #slots: Slots;
  readonly #pulls = new Turns();
  /** Container ids by sandbox, of those that this process made or adopted and has not deleted. */
  readonly #made = new Map<string, string>();

  constructor(api: EngineApi, settings: DockerSettings) {
    this.#api = api;
    this.#settings = settings;
    const daemon = describeAddress(api.address);
    this.#slots = creates.get(daemon) ?? new Slots(CREATES_AT_ONCE);
    creates.set(daemon, this.#slots);
  }

  /** Makes the container stopped, or adopts ours of that name and id; joins every network of the plan. */
  async create(call: DriverCall, plan: DockerPlan, init: boolean): Promise<void> {
    const env: Record<string, string> = {};
    for (const [name, value] of Object.entries(plan.env)) env[name] = typeof value === 'string' ? value : await call.resolveSecret(value.$secret);
    await this.#checkVolumes(plan, call.signal);
    const body = createBody(plan, env, init);
    const made = (await this.#post(call, plan, body)) ?? (await this.#pulled(call, plan, body));
    this.#made.set(call.sandbox.id, made.id);
    // The first network came with the create; an adopted container may lack any of them.
    for (const network of plan.networks) {
      if (made.joined.has(network.name)) continue;
      await this.#ask(call.sandbox.id, `network ${network.name} cannot be joined`, () =>
        this.#api.json({ method: 'POST', path: ['networks', network.name, 'connect'], body: { Container: made.id, EndpointConfig: endpoint(network) } }),
      );
    }
  }

  async start(call: DriverCall, plan: DockerPlan, init: boolean): Promise<string | null> {
    // What this process made it need not look for.
    const made = this.#made.get(call.sandbox.id);
    if (made === undefined || !(await this.#startMade(made))) await this.#startFound(call, plan, init);
    return (await this.observe(call.sandbox)).instance;
  }

  /** False where it did not go as it should: whoever looks closer finds out why. */
  async #startMade(id: string): Promise<boolean> {
    try {
      await this.#start(id);
      return true;
    } catch (thrown) {
      if (thrown instanceof EngineRefusal) return false;
      throw thrown;
    }
  }

  async #startFound(call: DriverCall, plan: DockerPlan, init: boolean): Promise<void> {
    const sandboxId = call.sandbox.id;
    const cannot = `container ${plan.name} cannot be started`;
    const info = await this.#find(call.sandbox);
    if (info === null) {
      throw new TenonError('driver_failed', `container ${plan.name} is not there: it was never created, or was removed`, {
        sandboxId,
        hint: 'delete the sandbox and create it anew',
      });
    }
    try {
      await this.#start(info.Id);
    } catch (thrown) {
      if (!(thrown instanceof EngineRefusal) || !isStuckTask(thrown)) throw this.#failed(thrown, sandboxId, cannot);
      // An Engine killed in mid-start holds on to a task that it does not know any more: only a new container gets past it.
      if (hasStarted(info.State.StartedAt)) {
        throw new TenonError('driver_failed', `${cannot}: ${thrown.message}`, {
          sandboxId,
          hint: 'the Engine was killed in mid-start; making the container anew would lose what it stored: save that, then delete the sandbox',
        });
      }
      await this.#remove(info.Id, call.signal);
      await this.create(call, plan, init);
      await this.#ask(sandboxId, cannot, () => this.#start(this.#made.get(sandboxId) ?? plan.name));
    }
  }

  /** SIGTERM, SIGKILL after the grace, and what the Engine then says. Absent and stopped are fine. */
  async stop(call: DriverCall): Promise<void> {
    const info = await this.#find(call.sandbox);
    if (info === null) return;
    const { id: sandboxId } = call.sandbox;
    const graceMs = this.#settings.stopGraceMs;
    await this.#ask(sandboxId, `container ${info.Name} cannot be stopped`, async () => {
      if (info.State.Paused) await this.#api.json({ method: 'POST', path: ['containers', info.Id, 'unpause'], also: [404, 409], signal: call.signal });
      await this.#api.json({
        method: 'POST',
        path: ['containers', info.Id, 'stop'],
        query: { t: Math.ceil(graceMs / 1000) },
        also: [304, 404],
        signal: call.signal,
        timeoutMs: graceMs + this.#settings.requestTimeoutMs,
      });
    });
    const now = await this.observe(call.sandbox);
    if (now.state === 'running')
      throw new TenonError('driver_failed', `container ${info.Name} still runs after it was stopped`, {
        sandboxId,
        hint: 'look at the log of the Docker Engine',
      });
  }

  /** Removes container, writable layer and anonymous volumes, and waits until the Engine knows it no more. */
  async delete(call: DriverCall): Promise<void> {
    this.#made.delete(call.sandbox.id);
    for (let info = await this.#find(call.sandbox); info !== null; info = await this.#find(call.sandbox)) await this.#remove(info.Id, call.signal);
  }

  async observe(sandbox: SandboxRef): Promise<DriverObservation> {
    const info = await this.#find(sandbox);
    return info === null ? absent(sandbox.id) : observationOf(sandbox.id, info);
  }

  async observeId(sandboxId: string): Promise<DriverObservation> {
    const info = await this.#findByLabel(sandboxId);
    return info === null ? absent(sandboxId) : observationOf(sandboxId, info);
  }

  async list(): Promise<readonly DriverObservation[]> {
    const containers = await this.#listed([`${INSTALLATION_LABEL}=${this.#settings.installation}`]);
    const slots = new Slots(INSPECTS_AT_ONCE);
    const never = new AbortController().signal;
    const observed = await Promise.all(
      containers.map((container) =>
        slots.run(never, async () => {
          const info = await this.#inspect(container.Id);
          const sandboxId = info === null ? null : sandboxOf(info.Config.Labels, this.#settings.installation);
          return info === null || sandboxId === null ? null : observationOf(sandboxId, info);
        }),
      ),
    );
    return observed.filter((one) => one !== null);
  }

  async logs(sandbox: SandboxRef, tail: number): Promise<string> {
    const info = tail <= 0 ? null : await this.#find(sandbox);
    if (info === null) return '';
    const bytes = await this.#ask(sandbox.id, `logs of container ${info.Name} cannot be read`, () =>
      this.#api.bytes({ method: 'GET', path: ['containers', info.Id, 'logs'], query: { stdout: 1, stderr: 1, tail } }, LOG_BYTES),
    );
    return info.Config.Tty ? bytes.toString('utf8') : demultiplex(bytes);
  }

  /** The running container, for services; anything else is a failure that says so. */
  async running(sandbox: SandboxRef): Promise<ContainerInspectInfo> {
    const info = await this.runningOrNull(sandbox);
    if (info !== null) return info;
    const { state } = await this.observe(sandbox);
    throw new TenonError('driver_failed', `sandbox ${sandbox.id} does not run: it is ${state}`, { sandboxId: sandbox.id });
  }

  async runningOrNull(sandbox: SandboxRef): Promise<ContainerInspectInfo | null> {
    const info = await this.#find(sandbox);
    return info?.State.Running === true && !info.State.Paused ? info : null;
  }

  /** Null where the image is not there. */
  async #post(call: DriverCall, plan: DockerPlan, body: object): Promise<Made | null> {
    try {
      const { Id: id } = await this.#slots.run(call.signal, () =>
        this.#api.json<{ Id: string }>({ method: 'POST', path: ['containers', 'create'], query: { name: plan.name }, body }),
      );
      return { id, joined: new Set(plan.networks.slice(0, 1).map((network) => network.name)) };
    } catch (thrown) {
      if (!(thrown instanceof EngineRefusal)) throw thrown;
      if (thrown.status === 409) return this.#adopt(call, plan, thrown);
      if (thrown.status === 404 && /no such image/i.test(thrown.message)) return null;
      throw this.#failed(thrown, call.sandbox.id, `container ${plan.name} cannot be created`);
    }
  }

  async #adopt(call: DriverCall, plan: DockerPlan, refusal: EngineRefusal): Promise<Made> {
    const sandboxId = call.sandbox.id;
    const there = await this.#inspect(plan.name);
    if (there === null) throw this.#failed(refusal, sandboxId, `container ${plan.name} cannot be created`);
    if (sandboxOf(there.Config.Labels, this.#settings.installation) === sandboxId) {
      return { id: there.Id, joined: new Set(Object.keys(there.NetworkSettings.Networks)) };
    }
    throw new TenonError(
      'driver_failed',
      `the name ${plan.name} is held by container ${there.Id.slice(0, 12)} of image ${there.Config.Image}, which is not of this sandbox`,
      {
        sandboxId,
        hint: 'remove or rename that container, then try again',
      },
    );
  }

  async #pulled(call: DriverCall, plan: DockerPlan, body: object): Promise<Made> {
    await this.#pulls.run(plan.image, () => pullImage(this.#api, plan.image, this.#settings.pullMissing, call));
    const made = await this.#post(call, plan, body);
    if (made !== null) return made;
    throw new TenonError('driver_failed', `image ${plan.image} vanished while container ${plan.name} was created`, {
      sandboxId: call.sandbox.id,
      hint: 'try again',
    });
  }

  async #start(id: string): Promise<void> {
    await this.#api.json({ method: 'POST', path: ['containers', id, 'start'], also: [304] });
  }

  async #remove(id: string, signal: AbortSignal): Promise<void> {
    const until = Date.now() + REMOVED_WITHIN_MS;
    for (let wait = 20; ; wait = Math.min(wait * 2, 1_000)) {
      let said = 'the Engine accepted it';
      try {
        await this.#api.json({ method: 'DELETE', path: ['containers', id], query: { force: true, v: true }, also: [404], signal });
      } catch (thrown) {
        // 409: a removal is in progress; 500: a device is busy for a moment. Whether it is gone is what counts.
        if (!(thrown instanceof EngineRefusal) || ![409, 500].includes(thrown.status)) throw thrown;
        said = thrown.message;
      }
      if ((await this.#inspect(id)) === null) return;
      if (Date.now() > until) {
        throw new TenonError('driver_failed', `container ${id.slice(0, 12)} is not gone ${REMOVED_WITHIN_MS / 1000} s after it was removed: ${said}`, {
          hint: 'look at the log of the Docker Engine',
        });
      }
      await pause(wait, undefined, { signal });
    }
  }

  /** By its deterministic name; where somebody renamed it, by its labels. A foreign container under the name is not ours to see. */
  async #find(sandbox: SandboxRef): Promise<ContainerInspectInfo | null> {
    const info = await this.#inspect(backendName(sandbox, sandbox.id));
    if (info !== null && sandboxOf(info.Config.Labels, this.#settings.installation) === sandbox.id) return info;
    return this.#findByLabel(sandbox.id);
  }

  async #findByLabel(sandboxId: string): Promise<ContainerInspectInfo | null> {
    const [found] = await this.#listed([`${INSTALLATION_LABEL}=${this.#settings.installation}`, `${SANDBOX_ID_LABEL}=${sandboxId}`]);
    return found === undefined ? null : this.#inspect(found.Id);
  }

  #listed(label: readonly string[]): Promise<readonly ContainerInfo[]> {
    return this.#api.json<ContainerInfo[]>({ method: 'GET', path: ['containers', 'json'], query: { all: true, filters: { label } } });
  }

  #inspect(idOrName: string): Promise<ContainerInspectInfo | null> {
    return this.#api.jsonOrNull<ContainerInspectInfo>({ method: 'GET', path: ['containers', idOrName, 'json'] });
  }

  /**
   * A named volume must be there: the Engine would make it in silence, and nobody would remove it. One of the local driver that binds
   * a host directory is a bind mount under another name.
   */
  async #checkVolumes(plan: DockerPlan, signal: AbortSignal): Promise<void> {
    for (const { type, source, target } of plan.mounts) {
      if (type !== 'volume' || source === null) continue;
      const path = `/mounts/${escapeSegment(target)}`;
      const volume = await this.#api.jsonOrNull<VolumeInspectInfo>({ method: 'GET', path: ['volumes', source], signal });
      if (volume === null) {
        throw new TenonError('plan_invalid', `volume ${source} is not on the Docker host`, {
          path,
          hint: `make it first (docker volume create ${source}), or leave source out for a new one`,
        });
      }
      const options = (volume.Options?.o ?? '').split(',').map((option) => option.trim());
      const binds = volume.Driver === 'local' && (options.includes('bind') || options.includes('rbind'));
      if (binds && !this.#settings.enableBindMounts) {
        throw new TenonError('plan_invalid', `volume ${source} binds the host directory ${volume.Options?.device ?? ''}, and bind mounts are off here`, {
          path,
          hint: 'use another volume; the operator may set enableBindMounts',
        });
      }
    }
  }

  async #ask<T>(sandboxId: string, what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (thrown) {
      throw this.#failed(thrown, sandboxId, what);
    }
  }

  #failed(thrown: unknown, sandboxId: string, what: string): unknown {
    if (!(thrown instanceof EngineRefusal)) return thrown;
    return new TenonError('driver_failed', `${what}: ${thrown.message}`, { sandboxId, hint: hintFor(thrown.message) }, thrown);
  }
}

function isStuckTask(refusal: EngineRefusal): boolean {
  return refusal.status === 500 && /already exists/i.test(refusal.message);
}

function hintFor(message: string): string {
  if (/executable file not found|no such file or directory/i.test(message)) return 'name a command that is in the image';
  if (/bind source path does not exist/i.test(message)) return 'make that directory on the Docker host, or correct the mount';
  if (/network .*not found/i.test(message)) return 'the network was removed: delete the sandbox and create it anew';
  if (/address already in use/i.test(message)) return 'another container has this address: choose another';
  return 'look at the log of the Docker Engine';
}
