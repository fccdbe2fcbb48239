import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

const SCAN_WIDTH = 64;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** One process for good: a pid comes round again, a pid with its start time and boot does not. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after boot, field 22 of `/proc/<pid>/stat`. */
  readonly startTime: string;
  readonly bootId: string;
}

export interface ProcessStat {
  readonly state: string;
  readonly group: number;
  readonly session: number;
  readonly startTime: string;
}

/** Null where there is no such process. The command name may hold spaces and parentheses: fields count from the last `)`. */
export function parseStat(text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , group, session] = fields;
  const startTime = fields[19];
  if (state === undefined || group === undefined || session === undefined || startTime === undefined) return null;
  return { state, group: Number(group), session: Number(session), startTime };
}

async function statOf(pid: number): Promise<ProcessStat | null> {
  const text = await readProc(`/proc/${pid}/stat`);
  return text === null ? null : parseStat(text);
}

export async function bootId(): Promise<string> {
  return (await readFile(BOOT_ID, 'utf8')).trim();
}

/** Alive and the same: a zombie has ended, whoever has yet to collect it. */
export async function isAlive(id: ProcessId): Promise<boolean> {
  const stat = await statOf(id.pid);
  return stat !== null && stat.startTime === id.startTime && !ended(stat) && id.bootId === (await bootId());
}

export async function identify(pid: number): Promise<ProcessId | null> {
  const stat = await statOf(pid);
  return stat === null ? null : { pid, startTime: stat.startTime, bootId: await bootId() };
}

/**
 * A child just spawned, before this thread can have collected it: however short its life, its entry is still there. For the same
 * reason it does not wait.
 */
export function identifyChild(pid: number): ProcessId {
  const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === null) throw new Error(`/proc/${pid}/stat cannot be read as the kernel writes it`);
  return { pid, startTime: stat.startTime, bootId: readFileSync(BOOT_ID, 'utf8').trim() };
}

/** Living processes of a group. */
export async function groupMembers(group: number): Promise<readonly number[]> {
  return scan(async (pid) => {
    const stat = await statOf(pid);
    return stat !== null && stat.group === group && !ended(stat) ? pid : null;
  });
}

/** Living shims whose marker begins so: marker and pid. Only a group leader counts, its children carry the same arguments for a moment. */
export async function findShims(markerPrefix: string): Promise<readonly { readonly marker: string; readonly pid: number }[]> {
  return scan(async (pid) => {
    const [, , , marker] = ((await readProc(`/proc/${pid}/cmdline`)) ?? '').split('\0');
    if (marker === undefined || !marker.startsWith(markerPrefix)) return null;
    const stat = await statOf(pid);
    return stat !== null && stat.group === pid && !ended(stat) ? { marker, pid } : null;
  });
}

/** Living processes whose environment holds exactly this entry: children that left the group still carry it. */
export async function findByEnvironment(entry: string): Promise<readonly number[]> {
  return scan(async (pid) => {
    const environment = (await readProc(`/proc/${pid}/environ`)) ?? '';
    if (!environment.split('\0').includes(entry)) return null;
    const stat = await statOf(pid);
    return stat !== null && !ended(stat) ? pid : null;
  });
}

export async function environmentOf(pid: number): Promise<Record<string, string>> {
  const entries = ((await readProc(`/proc/${pid}/environ`)) ?? '').split('\0').filter((entry) => entry.includes('='));
  return Object.fromEntries(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}

/** Signals a process, or with a negative number a group; false where it is not there. */
export function signal(target: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(target, name);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'ESRCH') return false;
    throw thrown;
  }
}

export function codeOf(thrown: unknown): string | null {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : null;
}

function ended(stat: ProcessStat): boolean {
  return stat.state === 'Z' || stat.state === 'X';
}

/**
 * Looks at every process, a handful at a time. Not in one blocking sweep: a read of a process that hangs in the kernel hangs too, and
 * may take a thread with it but not Tenon.
 */
async function scan<T>(look: (pid: number) => Promise<T | null>): Promise<readonly T[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: T[] = [];
  for (let at = 0; at < pids.length; at += SCAN_WIDTH) {
    const looks = await Promise.all(pids.slice(at, at + SCAN_WIDTH).map(look));
    found.push(...looks.filter((one) => one !== null));
  }
  return found;
}

/** Null where the process is gone, or is not ours to look into. */
async function readProc(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(codeOf(thrown) ?? '')) return null;
    throw thrown;
  }
}
