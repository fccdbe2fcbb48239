import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from './wait-until.ts';

/** A process that this tool started. A pid alone may be somebody else's by now: with its start time it is only ever this one. */
export interface RecordedProcess {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks since boot. */
  readonly startTicks: string;
}

/** Starts a program that outlives this one, with both outputs appended to `log`. */
export async function startDetached(
  program: string,
  args: readonly string[],
  options: { log: string; cwd: string; uid?: number; gid?: number },
): Promise<RecordedProcess> {
  const out = openSync(options.log, 'a', 0o644);
  const child = spawn(program, args, {
    cwd: options.cwd,
    detached: true,
    stdio: ['ignore', out, out],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const pid = await new Promise<number>((settle, refuse) => {
    child.once('error', refuse);
    child.once('spawn', () => settle(child.pid ?? 0));
  });
  child.unref();
  const startTicks = startTicksOf(pid);
  if (startTicks === null) throw new Error(`${program} ended at once; ${options.log} says why`);
  return { pid, startTicks };
}

export function record(pid: number): RecordedProcess | null {
  const startTicks = startTicksOf(pid);
  return startTicks === null ? null : { pid, startTicks };
}

export function isAlive(recorded: RecordedProcess): boolean {
  return startTicksOf(recorded.pid) === recorded.startTicks;
}

/** Sends `signals` one after another, each with its patience in ms, until the process is gone. */
export async function end(recorded: RecordedProcess, signals: readonly (readonly [NodeJS.Signals, number])[]): Promise<boolean> {
  for (const [signal, patience] of signals) {
    if (!isAlive(recorded)) return true;
    process.kill(recorded.pid, signal);
    if (await waitUntil(async () => !isAlive(recorded), patience)) return true;
  }
  await sleep(50);
  return !isAlive(recorded);
}

/** Null where no such process lives; a zombie does not live. */
function startTicksOf(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH') return null;
    throw error;
  }
  // The second field is the program's name in parentheses and may hold spaces: count from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
}
