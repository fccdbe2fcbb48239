import type { Json, PlanIssue, PlanSchema, SandboxRequest, SecretRef } from '@tenon/lifecycle';
import { z } from 'zod';
import { backendName, identityLabels, listPoint, ownedEnvironment, point, RESERVED_IDENTITY } from '../plan-parts/identity.ts';
import { duplicateIssues, labels, shapeIssues, text, textOrSecret } from '../plan-parts/plan-issues.ts';
import { memoryBytes } from '../plan-parts/quantity.ts';
import { readConfig, refuse, refuseUnsupported } from '../plan-parts/refusals.ts';
import { processConfig } from './config.ts';

/** What the process driver applies. `cwd` and the paths of files are relative to the sandbox's own directory. */
export interface ProcessPlan {
  name: string;
  command: string[];
  cwd: string;
  env: Record<string, string | SecretRef>;
  labels: Record<string, string>;
  files: { path: string; contents: string | SecretRef; mode: string }[];
  /** Null: no limit of Tenon's. `memoryBytes` is address space; `cpuSeconds` CPU time in all. */
  limits: { nofile: number | null; memoryBytes: number | null; cpuSeconds: number | null };
}

export const PROCESS_SCHEMA: PlanSchema = {
  kind: 'process',
  lists: [{ path: '/files', key: ['path'], ordered: false }],
  points: [
    // Environment is applied at each start, so a hook before a start may still change it.
    point('process.env', '/env', 'map', ['prepare_plan', 'before_start']),
    point('process.labels', '/labels', 'map', ['prepare_plan']),
    listPoint('process.files', '/files', ['path'], ['prepare_plan']),
    point('process.limits', '/limits', 'singleton', ['prepare_plan']),
  ],
  reserved: [...RESERVED_IDENTITY, '/command', '/cwd'],
  secrets: ['/env/*', '/files/*/contents'],
  neutral: { env: 'process.env', labels: 'process.labels', resources: 'process.limits' },
};

/** A search path for commands, where neither template nor spec gives one. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';
const DEFAULT_NOFILE = 1024;

/** Names that the shell of the shim keeps to itself: a value given for them would not arrive. */
const SHELL_NAMES = new Set(['IFS', 'OPTIND', 'OPTARG', 'PPID', 'PWD', 'OLDPWD', 'SHLVL', 'LINENO', 'PS1', 'PS2', 'PS4', '_']);

/** Pure: request to plan revision 0. The image is ignored. */
export function planProcess(driver: { readonly name: string; readonly installation: string }, request: SandboxRequest, sandboxId: string): ProcessPlan {
  refuseUnsupported(request, driver.name, {
    cpuRequest: 'reserves nothing for a process',
    memoryRequest: 'reserves nothing for a process',
    cpuLimit: 'cannot slow a process down to a share of a CPU; driverConfig limits.cpu_seconds bounds its CPU time',
    gpu: 'gives no devices to a process',
    tty: 'gives no terminal to a process',
  });
  if (request.command.length === 0) {
    refuse('/command', `command: driver ${driver.name} takes no command from an image`, 'give the command to run');
  }
  const config = readConfig(processConfig, driver.name, request.template.driverConfig[driver.name]);
  const { memoryLimit } = request.template.resources;
  return {
    name: backendName(request, sandboxId),
    command: [...request.command],
    cwd: config.cwd ?? '.',
    env: { PATH: DEFAULT_PATH, ...request.template.environment, ...request.environment, ...ownedEnvironment(request, sandboxId) },
    labels: { ...request.template.labels, ...identityLabels(request, sandboxId, { installation: driver.installation, namespace: 'tenon' }) },
    files: (config.files ?? []).map((file) => ({ path: file.path, contents: file.contents, mode: file.mode ?? '0644' })),
    limits: {
      nofile: config.limits?.nofile ?? DEFAULT_NOFILE,
      memoryBytes: memoryLimit === undefined ? null : memoryBytes(memoryLimit, '/template/resources/memoryLimit'),
      cpuSeconds: config.limits?.cpu_seconds ?? null,
    },
  };
}

const bounded = (least: number, most: number, unit: string) =>
  z.int(`must be a whole number of ${unit}, or null`).min(least, `must be at least ${least}`).max(most, `must be at most ${most}`).nullable();

const shape = z.strictObject({
  name: text.min(1, 'must not be empty'),
  command: z.array(text).min(1, 'must have at least the program'),
  cwd: text,
  env: z.record(text, textOrSecret),
  labels,
  files: z.array(
    z.strictObject({
      path: text,
      contents: textOrSecret,
      mode: z.string().regex(/^0?[0-7]{3}$/, 'must be three octal digits, e.g. 0644; set-id and sticky bits are refused'),
    }),
  ),
  limits: z.strictObject({
    nofile: bounded(16, 1_048_576, 'files'),
    memoryBytes: bounded(8 * 2 ** 20, Number.MAX_SAFE_INTEGER, 'bytes'),
    cpuSeconds: bounded(1, 2 ** 31, 'seconds'),
  }),
});

/** Whether a path stays inside the directory that it is relative to, and is written in one way only. */
export function staysInside(path: string): boolean {
  return (
    path.length <= 1024 &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255) &&
    ![...path].some((char) => char < ' ')
  );
}

/** Shape and invariants of a whole plan. */
export function processIssues(plan: Json): readonly PlanIssue[] {
  const wrong = shapeIssues(shape, plan, PROCESS_SCHEMA);
  if (wrong.length > 0) return wrong;
  const { command, cwd, env, files } = plan as unknown as ProcessPlan;
  const issues: PlanIssue[] = [];
  if (command[0] === '') issues.push({ path: '/command/0', message: 'the program must not be empty' });
  if (cwd !== '.' && !staysInside(cwd)) {
    issues.push({ path: '/cwd', message: `cwd "${cwd}" must be a plain path relative to the sandbox's directory`, hint: 'no leading slash, no . or ..' });
  }
  for (const name of Object.keys(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || SHELL_NAMES.has(name)) {
      issues.push({
        path: `/env/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        message: `environment name "${name}" cannot be handed on by a POSIX shell`,
        hint: "use letters, digits and _, and none of the shell's own names",
      });
    }
  }
  const paths = files.map((file) => file.path);
  issues.push(...duplicateIssues('/files', paths));
  for (const path of new Set(paths)) {
    const at = `/files/${path.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!staysInside(path)) {
      issues.push({ path: at, message: `file path "${path}" must stay inside the sandbox's directory`, hint: 'a relative path without . or .. parts' });
    }
    const inside = paths.find((other) => path.startsWith(`${other}/`));
    if (inside !== undefined) issues.push({ path: at, message: `"${path}" lies under "${inside}", which is a file`, hint: 'rename one of them' });
  }
  return issues;
}
