import { type DriverObservation, isObject } from '@tenon/lifecycle';
import { INSTALLATION_LABEL, SANDBOX_ID_LABEL } from '@tenon/vocabulary';
import type { ContainerInspectInfo } from 'dockerode';

export function absent(sandboxId: string): DriverObservation {
  return { sandboxId, state: 'absent', ready: false, exitCode: null, reason: null, message: null, instance: null };
}

/** Whose container this is by its labels; null where it is not this installation's. */
export function sandboxOf(labels: Readonly<Record<string, string>> | null | undefined, installation: string): string | null {
  if (!isObject(labels) || labels[INSTALLATION_LABEL] !== installation) return null;
  const id = labels[SANDBOX_ID_LABEL];
  return typeof id === 'string' ? id : null;
}

/** A container as the engine of the lifecycle sees it: pure. Ready is running, and healthy where the image has a HEALTHCHECK. */
export function observationOf(sandboxId: string, info: Pick<ContainerInspectInfo, 'Id' | 'State' | 'HostConfig'>): DriverObservation {
  const { State: state } = info;
  const started = hasStarted(state.StartedAt);
  const instance = started ? `${info.Id.slice(0, 12)}@${state.StartedAt}` : null;
  const base = { sandboxId, ready: false, exitCode: null, reason: null, message: null, instance };
  if (state.Status === 'running' || state.Status === 'paused' || state.Status === 'restarting') {
    if (state.Paused) return { ...base, state: 'running', reason: 'paused', message: 'the container is paused' };
    const health = state.Health?.Status;
    if (health === undefined || health === 'none' || health === 'healthy') return { ...base, state: 'running', ready: true };
    return { ...base, state: 'running', reason: health, message: healthLine(state.Health) };
  }
  if (!started) {
    const error = state.Error === '' ? null : state.Error;
    return { ...base, state: 'created', reason: error === null ? null : 'start_failed', message: error };
  }
  return { ...base, state: 'exited', exitCode: state.ExitCode, ...whyEnded(info) };
}

/** The Engine writes the year 1 for never. */
export function hasStarted(startedAt: string | undefined): boolean {
  return startedAt !== undefined && startedAt !== '' && !startedAt.startsWith('0001-');
}

function whyEnded({ State: state, HostConfig: host }: Pick<ContainerInspectInfo, 'State' | 'HostConfig'>): {
  readonly reason: string;
  readonly message: string;
} {
  const code = state.ExitCode;
  if (state.OOMKilled) {
    const limit = host?.Memory;
    return { reason: 'oom_killed', message: `the kernel ended the command: out of memory${limit ? ` (limit ${limit} bytes)` : ''}, code ${code}` };
  }
  if (state.Error !== '') return { reason: 'error', message: `${state.Error} (code ${code})` };
  if (state.Dead) return { reason: 'dead', message: 'the container is dead: its removal failed half-way' };
  if (code > 128) return { reason: 'signal', message: `the command was ended by signal ${code - 128} (code ${code})` };
  return { reason: 'exited', message: `the command ended with code ${code}` };
}

function healthLine(health: ContainerInspectInfo['State']['Health']): string {
  const last = health?.Log?.at(-1);
  const said = last === undefined ? 'its check has not run yet' : `its check answered ${last.ExitCode}: ${last.Output.trim().slice(0, 500)}`;
  return `health is ${health?.Status ?? 'unknown'}; ${said}`;
}
