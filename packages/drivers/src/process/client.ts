import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type DriverCall, type DriverObservation, type SandboxRef, TenonError } from '@tenon/lifecycle';
import type { ProcessSettings } from './config.ts';
import type { ProcessPlan } from './planner.ts';
import { bootId, findByEnvironment, findShims, groupMembers, identify, identifyChild, isAlive, type ProcessId, signal } from './process-table.ts';
import { readMark, type SandboxDirectories, type SandboxFile, type SandboxPaths } from './sandbox-directory.ts';
import { shimArguments } from './shim.ts';

/** How long the shim may take to say that its limits hold. */
const STARTED_WITHIN_MS = 10_000;
/** How long a killed group may take to be gone: longer means that the kernel holds it. */
const KILLED_WITHIN_MS = 10_000;

/** What the process driver does to the machine: directories, shims, signals. Calls of one sandbox must not overlap. */
export class ProcessClient {
  readonly #settings: ProcessSettings;
  readonly #directories: SandboxDirectories;
  /** Told when a process of this Tenon ends. */
  readonly #onEnd: (sandboxId: string) => void;

  constructor(settings: ProcessSettings, directories: SandboxDirectories, onEnd: (sandboxId: string) => void) {
    this.#settings = settings;
    this.#directories = directories;
    this.#onEnd = onEnd;
  }

  async create(call: DriverCall, plan: ProcessPlan): Promise<void> {
    if ((await this.#directories.read(call.sandbox.id)) !== null) return;
    const files = [];
    for (const file of plan.files) files.push({ ...file, contents: await resolved(file.contents, call) });
    throwIfAborted(call.signal, 'create');
    const { id, name, workspace } = call.sandbox;
    await this.#directories.make(
      {
        installation: this.#settings.installation,
        sandbox: { id, name, workspace },
        name: plan.name,
        createdAt: Date.now(),
        labels: plan.labels,
        process: null,
        stoppedAt: null,
        killedCode: null,
      },
      files,
      plan.cwd,
    );
    // Whoever made it first: it must be ours.
    await this.#directories.read(call.sandbox.id);
  }

  async start(call: DriverCall, plan: ProcessPlan): Promise<string> {
    const file = await this.#directories.read(call.sandbox.id);
    if (file === null) {
      throw new TenonError(
        'driver_failed',
        `sandbox ${call.sandbox.id} has no directory under ${this.#directories.root}: it was never created, or was removed`,
        {
          sandboxId: call.sandbox.id,
          hint: 'delete the sandbox and create it anew',
        },
      );
    }
    const running = await this.#runningProcess(file);
    if (running !== null) {
      await this.#directories.write({ ...file, process: running, stoppedAt: null, killedCode: null });
      return instanceOf(running);
    }
    const env: Record<string, string> = {};
    for (const [key, value] of Object.entries(plan.env)) env[key] = await resolved(value, call);
    throwIfAborted(call.signal, 'start');
    const paths = this.#directories.paths(call.sandbox.id);
    // The start stands in the record before its process does: a Tenon killed in between looks for the shim by its marker.
    await this.#directories.write({ ...file, process: null, stoppedAt: null, killedCode: null });
    const id = await this.#spawn(call.sandbox, paths, plan, env);
    await this.#directories.write({ ...file, process: id, stoppedAt: null, killedCode: null });
    await this.#awaitStarted(call, paths, plan, id);
    return instanceOf(id);
  }

  /** SIGTERM to the group, SIGKILL after the grace (at once where `graceMs` is 0), and then whatever still carries the sandbox's mark. */
  async stop(call: DriverCall, graceMs: number): Promise<void> {
    const { id: sandboxId } = call.sandbox;
    const file = await this.#directories.read(sandboxId);
    const running = file === null ? await this.#shimOf(sandboxId) : await this.#runningProcess(file);
    if (file !== null && running !== null) await this.#directories.write({ ...file, process: running, stoppedAt: Date.now() });
    if (running !== null) {
      if (graceMs > 0) {
        signal(-running.pid, 'SIGTERM');
        await this.#gone(running, graceMs, call.signal);
      }
      if (await isAlive(running)) {
        // The shim cannot write the code of a command that is killed with it: Tenon does.
        if (file !== null) await this.#directories.write({ ...file, process: running, stoppedAt: Date.now(), killedCode: 137 });
        signal(-running.pid, 'SIGKILL');
        await this.#gone(running, KILLED_WITHIN_MS, call.signal);
      }
      if (await isAlive(running)) throw stuck(sandboxId, [running.pid]);
    }
    await this.#sweep(call, running?.pid ?? null);
  }

  async delete(call: DriverCall): Promise<void> {
    await this.stop(call, 0);
    await this.#directories.remove(call.sandbox.id);
  }

  async observe(sandboxId: string): Promise<DriverObservation> {
    const file = await this.#directories.read(sandboxId);
    if (file === null) {
      const orphan = await this.#shimOf(sandboxId);
      return orphan === null ? absent(sandboxId) : orphaned(sandboxId, orphan);
    }
    return this.#observeFile(file);
  }

  observeAll(files: readonly SandboxFile[]): Promise<readonly DriverObservation[]> {
    return Promise.all(files.map((file) => this.#observeFile(file)));
  }

  /** Everything of this installation, what runs without its directory too. */
  async list(): Promise<readonly DriverObservation[]> {
    const { files } = await this.#directories.list();
    const observed = [...(await this.observeAll(files))];
    const known = new Set(files.map((file) => file.sandbox.id));
    const prefix = this.#marker('');
    for (const { marker, pid } of await findShims(prefix)) {
      const id = marker.slice(prefix.length);
      const orphan = known.has(id) ? null : await identify(pid);
      if (orphan !== null) observed.push(orphaned(id, orphan));
    }
    return observed;
  }

  /** Runs a command beside the workload: its user, its environment, its directory. */
  async exec(sandbox: SandboxRef, command: readonly string[], abort: AbortSignal, environment: Record<string, string>) {
    const [program, ...rest] = command;
    if (program === undefined) throw new TenonError('validation_failed', 'exec: the command is empty', { sandboxId: sandbox.id });
    throwIfAborted(abort, 'exec');
    const child = spawn(program, rest, {
      cwd: this.#directories.paths(sandbox.id).work,
      env: environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...this.#identity(),
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const keep = (chunk: Buffer): void => {
      if (size < EXEC_OUTPUT_BYTES) chunks.push(chunk.subarray(0, EXEC_OUTPUT_BYTES - size));
      size += chunk.length;
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const kill = (): void => void (child.pid !== undefined && signal(-child.pid, 'SIGKILL'));
    abort.addEventListener('abort', kill, { once: true });
    try {
      const [code, by] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      throwIfAborted(abort, 'exec');
      return { exitCode: code ?? (by === null ? 255 : 137), output: Buffer.concat(chunks).toString('utf8') };
    } catch (thrown) {
      if (thrown instanceof TenonError) throw thrown;
      throw new TenonError(
        'driver_failed',
        `exec: ${program} cannot be run: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        { sandboxId: sandbox.id },
        thrown,
      );
    } finally {
      abort.removeEventListener('abort', kill);
      kill();
    }
  }

  async #observeFile(file: SandboxFile): Promise<DriverObservation> {
    const running = await this.#runningProcess(file);
    const sandboxId = file.sandbox.id;
    if (running !== null) {
      return { sandboxId, state: 'running', ready: true, exitCode: null, reason: null, message: null, instance: instanceOf(running) };
    }
    if (file.process === null) return { ...absent(sandboxId), state: 'created' };
    const exitCode = parseExit(await readMark(this.#directories.paths(sandboxId).exit)) ?? file.killedCode;
    return { sandboxId, state: 'exited', ready: false, exitCode, ...whyEnded(file, exitCode), instance: instanceOf(file.process) };
  }

  /** The recorded process where it lives; where none is recorded, one that a killed Tenon started and could not record any more. */
  async #runningProcess(file: SandboxFile): Promise<ProcessId | null> {
    if (file.process === null) return this.#shimOf(file.sandbox.id);
    return (await isAlive(file.process)) ? file.process : null;
  }

  async #shimOf(sandboxId: string): Promise<ProcessId | null> {
    const marker = this.#marker(sandboxId);
    const found = (await findShims(marker)).find((shim) => shim.marker === marker);
    return found === undefined ? null : identify(found.pid);
  }

  async #spawn(sandbox: SandboxRef, paths: SandboxPaths, plan: ProcessPlan, env: Record<string, string>): Promise<ProcessId> {
    const log = await open(paths.log, 'a', 0o600);
    const started = await open(paths.started, 'w', 0o600);
    const exit = await open(paths.exit, 'w', 0o600);
    try {
      const child = spawn('/bin/sh', shimArguments(this.#marker(sandbox.id), plan), {
        cwd: paths.work,
        env,
        detached: true,
        stdio: ['ignore', log.fd, log.fd, started.fd, exit.fd],
        ...this.#identity(),
      });
      const id = child.pid === undefined ? null : identifyChild(child.pid);
      child.once('exit', () => this.#onEnd(sandbox.id));
      await once(child, 'spawn');
      child.unref();
      if (id === null) throw new Error('it has no pid');
      return id;
    } catch (thrown) {
      throw new TenonError(
        'driver_failed',
        `the shim of sandbox ${sandbox.id} cannot be run: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        { sandboxId: sandbox.id, hint: 'the command line and environment may be too long, or processes are used up' },
        thrown,
      );
    } finally {
      for (const handle of [log, started, exit]) await handle.close();
    }
  }

  async #awaitStarted(call: DriverCall, paths: SandboxPaths, plan: ProcessPlan, id: ProcessId): Promise<void> {
    const until = Date.now() + STARTED_WITHIN_MS;
    for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
      const mark = await readMark(paths.started);
      if (mark === 'ok\n') return;
      if (mark?.endsWith('\n')) throw refusedBy(call, mark.trim(), plan);
      if (!(await isAlive(id))) {
        // It may have said so between the two looks.
        if ((await readMark(paths.started)) === 'ok\n') return;
        throw new TenonError('driver_failed', `the shim of sandbox ${call.sandbox.id} ended before it ran the command; its log says why`, {
          sandboxId: call.sandbox.id,
        });
      }
      if (Date.now() > until)
        throw new TenonError('driver_failed', `the shim of sandbox ${call.sandbox.id} did not begin within ${STARTED_WITHIN_MS} ms`, {
          sandboxId: call.sandbox.id,
        });
      await pause(wait);
      throwIfAborted(call.signal, 'start');
    }
  }

  /** Whatever is left of the group that was just ended; and children that left it, which carry the environment that names the sandbox. */
  async #sweep(call: DriverCall, group: number | null): Promise<void> {
    const until = Date.now() + KILLED_WITHIN_MS;
    const mark = `TENON_SANDBOX_ID=${call.sandbox.id}`;
    for (;;) {
      const left = new Set([...(await findByEnvironment(mark)), ...(group === null ? [] : await groupMembers(group))]);
      left.delete(process.pid);
      if (left.size === 0) return;
      if (Date.now() > until) throw stuck(call.sandbox.id, [...left]);
      for (const pid of left) signal(pid, 'SIGKILL');
      throwIfAborted(call.signal, 'stop');
      await pause(10);
    }
  }

  async #gone(id: ProcessId, withinMs: number, abort: AbortSignal): Promise<void> {
    const until = Date.now() + withinMs;
    while (Date.now() < until && (await isAlive(id))) {
      throwIfAborted(abort, 'stop');
      await pause(10);
    }
  }

  #marker(sandboxId: string): string {
    return `tenon-sandbox:${this.#settings.installation}:${sandboxId}`;
  }

  #identity(): { readonly uid: number; readonly gid: number } | Record<string, never> {
    return this.#settings.runAs ?? {};
  }
}

const EXEC_OUTPUT_BYTES = 1_048_576;

let seen = false;

/** Whether this machine shows its processes as the driver needs it; once it did, it does. */
export async function canSeeProcesses(): Promise<boolean> {
  try {
    seen ||= (await bootId()) !== '' && (await identify(process.pid)) !== null;
  } catch {
    return false;
  }
  return seen;
}

export function throwIfAborted(abort: AbortSignal, what: string): void {
  if (abort.aborted) throw new TenonError('driver_unavailable', `${what} was aborted before it was done`);
}

async function resolved(value: string | { readonly $secret: string }, call: DriverCall): Promise<string> {
  return typeof value === 'string' ? value : call.resolveSecret(value.$secret);
}

function instanceOf(id: ProcessId): string {
  return `${id.pid}@${id.startTime}`;
}

function absent(sandboxId: string): DriverObservation {
  return { sandboxId, state: 'absent', ready: false, exitCode: null, reason: null, message: null, instance: null };
}

/** Its directory was removed by hand while it runs: it still uses what it was given. */
function orphaned(sandboxId: string, id: ProcessId): DriverObservation {
  const message = `its directory is gone while process ${id.pid} still runs; a stop or a delete ends it`;
  return { sandboxId, state: 'running', ready: false, exitCode: null, reason: 'directory_gone', message, instance: instanceOf(id) };
}

export function parseExit(mark: string | null): number | null {
  const found = mark === null ? null : /^(\d{1,3})\n$/.exec(mark);
  return found === null ? null : Number(found[1]);
}

function whyEnded(file: SandboxFile, exitCode: number | null): { readonly reason: string; readonly message: string } {
  if (file.stoppedAt !== null) {
    return { reason: 'stopped', message: exitCode === null ? 'stopped on request' : `stopped on request; the command ended with code ${exitCode}` };
  }
  if (exitCode === null)
    return { reason: 'lost', message: 'the command ended without leaving a code: it was killed together with its shim, or the machine restarted' };
  if (exitCode > 128) return { reason: 'signal', message: `the command was ended by signal ${exitCode - 128} (code ${exitCode})` };
  if (exitCode === 127) return { reason: 'exited', message: 'the command was not found (code 127)' };
  if (exitCode === 126) return { reason: 'exited', message: 'the command could not be executed (code 126)' };
  return { reason: 'exited', message: `the command ended with code ${exitCode}` };
}

function refusedBy(call: DriverCall, part: string, plan: ProcessPlan): TenonError {
  const sandboxId = call.sandbox.id;
  if (part === 'cwd') {
    return new TenonError('driver_failed', `cwd "${plan.cwd}" cannot be entered by the sandbox`, {
      sandboxId,
      path: '/cwd',
      hint: 'name a directory that a file of the plan makes, or leave cwd out',
    });
  }
  const limits: Readonly<Record<string, number | null>> = plan.limits;
  return new TenonError('driver_failed', `the limit ${part}=${limits[part] ?? ''} could not be set`, {
    sandboxId,
    path: `/limits/${part}`,
    hint: 'it is above what Tenon itself may use: lower it',
  });
}

function stuck(sandboxId: string, pids: readonly number[]): TenonError {
  return new TenonError('driver_failed', `processes ${pids.join(', ')} of sandbox ${sandboxId} do not end, though killed: the kernel holds them`, {
    sandboxId,
    hint: 'look at their state in /proc; a device or a network file system may hang',
  });
}
