import type { DriverObservation, SandboxRef } from '../src/ports/driver.ts';
import type { FakePlan } from './fake-plan.ts';

/** One workload at the fake backend, with its secrets resolved as the client handed them over. */
export interface FakeWorkload {
  readonly sandbox: SandboxRef;
  readonly name: string;
  /** The plan as created, references still references. */
  readonly plan: FakePlan;
  readonly env: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  state: 'created' | 'running' | 'exited';
  ready: boolean;
  exitCode: number | null;
  reason: string | null;
  message: string | null;
  instance: string | null;
  starts: number;
  log: string[];
}

export interface FakeNetwork {
  readonly id: string;
  readonly name: string;
  readonly subnet: string;
  readonly gateway: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The memory of a fake backend. It outlives the drivers opened on it, as a real backend outlives Tenon: give the same one to a
 * second `fakeDriver` to play a restart.
 */
export interface FakeBackend {
  readonly workloads: ReadonlyMap<string, FakeWorkload>;
  readonly networks: Map<string, FakeNetwork>;
  /** Names at the backend that are not ours: a create under one of them fails. */
  readonly foreignNames: Set<string>;
  /** The workload ends by itself. */
  exit(sandboxId: string, code: number, reason?: string): void;
  /** Removed by hand: nothing of it is left. */
  vanish(sandboxId: string): void;
  /** The backend relaunched it by itself: running, under a new instance. */
  replace(sandboxId: string): void;
  setReady(sandboxId: string, ready: boolean): void;
  put(workload: FakeWorkload): void;
  /** Tells every watcher. */
  touch(sandboxId: string): void;
  nextInstance(): string;
  onChange(listener: (sandboxId: string) => void): () => void;
}

export function fakeBackend(): FakeBackend {
  const workloads = new Map<string, FakeWorkload>();
  const listeners = new Set<(sandboxId: string) => void>();
  let instances = 0;
  const nextInstance = (): string => {
    instances += 1;
    return `fake-${instances}`;
  };
  const touch = (sandboxId: string): void => {
    for (const listener of [...listeners]) listener(sandboxId);
  };
  const known = (sandboxId: string): FakeWorkload => {
    const workload = workloads.get(sandboxId);
    if (workload === undefined) throw new Error(`the fake backend has no workload of sandbox ${sandboxId}`);
    return workload;
  };
  return {
    workloads,
    networks: new Map(),
    foreignNames: new Set(),
    exit(sandboxId, code, reason) {
      const workload = known(sandboxId);
      Object.assign(workload, { state: 'exited', ready: false, exitCode: code, reason: reason ?? 'exited', message: `the command ended with code ${code}` });
      touch(sandboxId);
    },
    vanish(sandboxId) {
      workloads.delete(sandboxId);
      touch(sandboxId);
    },
    replace(sandboxId) {
      Object.assign(known(sandboxId), { state: 'running', ready: true, exitCode: null, reason: null, message: null, instance: nextInstance() });
      touch(sandboxId);
    },
    setReady(sandboxId, ready) {
      known(sandboxId).ready = ready;
      touch(sandboxId);
    },
    put(workload) {
      workloads.set(workload.sandbox.id, workload);
      touch(workload.sandbox.id);
    },
    touch,
    nextInstance,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function observe(sandboxId: string, workload: FakeWorkload | undefined): DriverObservation {
  if (workload === undefined) return { sandboxId, state: 'absent', ready: false, exitCode: null, reason: null, message: null, instance: null };
  const { state, ready, exitCode, reason, message, instance } = workload;
  return { sandboxId, state, ready: state === 'running' && ready, exitCode, reason, message, instance };
}
