import { type Driver, type DriverCall, type DriverHealthReport, type DriverObservation, type Json, TenonError, toTenonError } from '@tenon/lifecycle';
import { ChangeWatch } from '../backend-parts/change-watch.ts';
import { acceptsConnections } from '../backend-parts/tcp-probe.ts';
import { Turns } from '../backend-parts/turns.ts';
import { PROCESS_CAPABILITIES } from './capabilities.ts';
import { canSeeProcesses, ProcessClient, throwIfAborted } from './client.ts';
import { type ProcessDriverOptions, processSettings } from './config.ts';
import { capLog, tailLog } from './log-file.ts';
import { PROCESS_SCHEMA, type ProcessPlan, planProcess, processIssues } from './planner.ts';
import { environmentOf } from './process-table.ts';
import { SandboxDirectories } from './sandbox-directory.ts';

/** Leftovers of a killed Tenon are removed once they are this old: a younger one may be another replica at work. */
const LEFTOVER_MS = 600_000;

/**
 * Runs each sandbox's command as a process group of this machine, in a directory under the data directory. No isolation: it shares
 * network, files and processes with Tenon's machine, as another user where Tenon is root. Linux only: it tells processes apart by /proc.
 */
export function processDriver(options: ProcessDriverOptions): Driver {
  const settings = processSettings(options);
  const directories = new SandboxDirectories(settings);
  const changes = new ChangeWatch();
  const turns = new Turns();
  const client = new ProcessClient(settings, directories, (sandboxId) => void lookAt(sandboxId));
  let trouble: string | null = null;

  /** The watch has nobody to throw at: what goes wrong shows in the health until the next good look. */
  async function lookAt(sandboxId: string): Promise<void> {
    try {
      changes.saw(await client.observe(sandboxId));
      trouble = null;
    } catch (thrown) {
      trouble = toTenonError(thrown, 'driver_failed').message;
    }
  }

  async function lookAround(): Promise<void> {
    try {
      const before = changes.known();
      const { files } = await directories.list();
      changes.sawAll(await client.observeAll(files), before);
      for (const { sandbox } of files) await capLog(directories.paths(sandbox.id), settings.logCapBytes);
      trouble = null;
    } catch (thrown) {
      trouble = toTenonError(thrown, 'driver_failed').message;
    }
  }

  let looking: Promise<void> | null = null;
  const timer = setInterval(() => {
    looking ??= lookAround().finally(() => {
      looking = null;
    });
  }, settings.pollMs);
  timer.unref();

  async function guarded<T>(sandboxId: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (thrown) {
      throw toTenonError(thrown, 'driver_failed', { sandboxId });
    }
  }

  /** Calls of one sandbox take turns: a stop that follows an aborted start waits until that has settled. */
  function inTurn<T>(call: DriverCall, what: string, act: () => Promise<T>): Promise<T> {
    return guarded(call.sandbox.id, () =>
      turns.run(call.sandbox.id, async () => {
        throwIfAborted(call.signal, what);
        if (!(await canSeeProcesses())) throw new TenonError('driver_unavailable', 'this machine has no /proc: driver process needs Linux');
        const answer = await act();
        await lookAt(call.sandbox.id);
        return answer;
      }),
    );
  }

  const observe = (sandboxId: string): Promise<DriverObservation> => guarded(sandboxId, () => client.observe(sandboxId));

  async function runningPid(sandboxId: string): Promise<number> {
    const { state, instance } = await observe(sandboxId);
    if (state !== 'running' || instance === null) throw new TenonError('driver_failed', `sandbox ${sandboxId} does not run: it is ${state}`, { sandboxId });
    return Number(instance.split('@')[0]);
  }

  return {
    name: settings.name,
    kind: 'process',
    chain: [settings.name],
    kinds: ['process'],
    createStarts: false,
    schema: PROCESS_SCHEMA,
    ownReadiness: false,
    // A create is a rename on this machine: aborted or not, it has happened when its call has settled.
    lateCreateMs: 1_000,
    capabilities: async () => PROCESS_CAPABILITIES,
    async health(): Promise<DriverHealthReport> {
      const checkedAt = Date.now();
      if (!(await canSeeProcesses())) return { state: 'unavailable', detail: 'this machine has no /proc: driver process needs Linux', checkedAt };
      const blocked = await directories.blockedAt();
      const { unreadable } = await directories.list();
      const detail = [
        blocked === null
          ? null
          : `sandboxes run as uid ${settings.runAs?.uid}, which may not pass ${blocked}: absolute paths into their directories fail (chmod o+x it)`,
        unreadable.length === 0 ? null : `directories without a readable record: ${unreadable.join(', ')}`,
        trouble,
      ].filter((line) => line !== null);
      if (detail.length > 0) return { state: 'degraded', detail: detail.join('; '), checkedAt };
      return { state: 'healthy', detail: `${settings.runAs === null ? 'same user as Tenon' : `uid ${settings.runAs.uid}`}, no isolation`, checkedAt };
    },
    plan: (request, sandboxId) => planProcess(settings, request, sandboxId) as unknown as Json,
    validate: processIssues,
    create: (call) =>
      inTurn(call, 'create', async () => {
        await directories.sweep(LEFTOVER_MS);
        await client.create(call, planOf(call));
        return { instance: null };
      }),
    start: (call) => inTurn(call, 'start', async () => ({ instance: await client.start(call, planOf(call)) })),
    // There is nothing to wait for: the start has answered once the limits held and the command was about to run.
    awaitReady: (call) =>
      guarded(call.sandbox.id, async () => {
        throwIfAborted(call.signal, 'waiting for ready');
        return client.observe(call.sandbox.id);
      }),
    stop: (call) => inTurn(call, 'stop', () => client.stop(call, settings.stopGraceMs)),
    delete: (call) => inTurn(call, 'delete', () => client.delete(call)),
    inspect: (sandbox) => observe(sandbox.id),
    list: () =>
      client.list().catch((thrown: unknown) => {
        throw toTenonError(thrown, 'driver_failed');
      }),
    watch: (onChange) => changes.add(onChange),
    logs: (sandbox, _plan, { tail }) => guarded(sandbox.id, () => tailLog(directories.paths(sandbox.id), tail, settings.logCapBytes)),
    services: () => ({
      exec: ({ sandbox, command, signal }) =>
        guarded(sandbox.id, async () => client.exec(sandbox, command, signal, await environmentOf(await runningPid(sandbox.id)))),
      tcp_probe: ({ sandbox, port, signal }) =>
        guarded(sandbox.id, async () => {
          if ((await observe(sandbox.id)).state !== 'running') return false;
          return (await acceptsConnections('127.0.0.1', port, signal)) || (await acceptsConnections('::1', port, signal));
        }),
    }),
    async close() {
      clearInterval(timer);
      changes.clear();
      await looking;
    },
  };
}

function planOf(call: DriverCall): ProcessPlan {
  const issue = processIssues(call.plan)[0];
  if (issue !== undefined) {
    throw new TenonError('plan_invalid', `${issue.path}: ${issue.message}`, {
      path: issue.path,
      sandboxId: call.sandbox.id,
      ...(issue.hint === undefined ? {} : { hint: issue.hint }),
    });
  }
  return call.plan as unknown as ProcessPlan;
}
