import { isIPv4 } from 'node:net';
import type { Json, PlanIssue } from '@tenon/lifecycle';
import { z } from 'zod';
import { escapeSegment } from '../plan-parts/identity.ts';
import { duplicateIssues, labels, shapeIssues, text, textOrSecret } from '../plan-parts/plan-issues.ts';
import type { DockerSettings, EngineFacts } from './config.ts';
import { mountIssue } from './mount-rules.ts';
import { DOCKER_SCHEMA, type DockerPlan } from './planner.ts';

/** Docker's own default set: adding one back opens nothing that Docker would not open by itself. */
const DEFAULT_CAPABILITIES = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'NET_RAW',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

/** Docker refuses less memory than this. */
const LEAST_MEMORY = 6 * 2 ** 20;

const bounded = (least: number, unit: string) => z.int(`must be a whole number of ${unit}, or null`).min(least, `must be at least ${least}`).nullable();
const capability = z.string().regex(/^[A-Z][A-Z_]*$/, 'must be a capability without CAP_, e.g. NET_RAW, or ALL');

const shape = z.strictObject({
  name: text.min(1, 'must not be empty'),
  image: text.min(1, 'must not be empty'),
  command: z.array(text),
  entrypoint: z.array(text).nullable(),
  user: text.nullable(),
  workdir: text.nullable(),
  tty: z.boolean(),
  env: z.record(text, textOrSecret),
  labels,
  mounts: z.array(
    z.strictObject({
      target: text,
      type: z.enum(['bind', 'volume', 'tmpfs'], { error: 'must be bind, volume or tmpfs' }),
      source: text.nullable(),
      readOnly: z.boolean(),
      selinux: z.enum(['shared', 'private']).nullable(),
      // An extension that adds a mount need not know of these two.
      subpath: text.nullable().optional(),
      sizeBytes: bounded(1, 'bytes').optional(),
    }),
  ),
  networks: z.array(z.strictObject({ name: text.min(1, 'must not be empty'), ipv4: z.string().nullable(), aliases: z.array(text) })),
  resources: z.strictObject({ cpuMillis: bounded(1, 'thousandths of a core'), memoryBytes: bounded(LEAST_MEMORY, 'bytes'), pids: bounded(1, 'processes') }),
  devices: z.array(z.strictObject({ id: text })),
  security: z.strictObject({ capAdd: z.array(capability), capDrop: z.array(capability), readOnlyRoot: z.boolean(), noNewPrivileges: z.boolean() }),
  restart: z.literal('no', { error: 'is no: an exit is final' }),
});

/** Shape and invariants of a whole plan. */
export function dockerIssues(plan: Json, settings: DockerSettings, facts: EngineFacts | null): readonly PlanIssue[] {
  const wrong = shapeIssues(shape, plan, DOCKER_SCHEMA);
  if (wrong.length > 0) return wrong;
  const whole = plan as unknown as DockerPlan;
  return [
    ...environmentIssues(whole),
    ...mountIssues(whole, settings, facts),
    ...networkIssues(whole),
    ...deviceIssues(whole, facts),
    ...securityIssues(whole, settings),
  ];
}

function environmentIssues({ env }: DockerPlan): readonly PlanIssue[] {
  return Object.keys(env)
    .filter((name) => name === '' || name.includes('='))
    .map((name) => ({ path: `/env/${escapeSegment(name)}`, message: `environment name "${name}" must not be empty or hold =`, hint: 'rename it' }));
}

function mountIssues({ mounts }: DockerPlan, settings: DockerSettings, facts: EngineFacts | null): readonly PlanIssue[] {
  const issues = [
    ...duplicateIssues(
      '/mounts',
      mounts.map((mount) => mount.target),
    ),
  ];
  for (const mount of mounts) {
    const issue = mountIssue({ ...mount, subpath: mount.subpath ?? null, sizeBytes: mount.sizeBytes ?? null }, settings, facts);
    if (issue !== null) issues.push({ path: `/mounts/${escapeSegment(mount.target)}/${issue.field}`, message: issue.message, hint: issue.hint });
  }
  return issues;
}

function networkIssues({ networks }: DockerPlan): readonly PlanIssue[] {
  const issues = [
    ...duplicateIssues(
      '/networks',
      networks.map((network) => network.name),
    ),
  ];
  for (const { name, ipv4, aliases } of networks) {
    const at = `/networks/${escapeSegment(name)}`;
    if (['host', 'none', 'bridge', 'default'].includes(name) || name.startsWith('container:')) {
      const hint = 'name a network that was made for sandboxes; with none the container is on the default bridge';
      issues.push({ path: at, message: `network "${name}" is the Engine's own: a sandbox may not choose it`, hint });
    }
    if (ipv4 !== null && !isIPv4(ipv4)) issues.push({ path: `${at}/ipv4`, message: `"${ipv4}" is no IPv4 address`, hint: 'write it as 10.30.0.5, or null' });
    for (const alias of aliases) {
      if (!/^[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?$/.test(alias)) {
        issues.push({ path: `${at}/aliases`, message: `alias "${alias}" is no host name`, hint: 'letters, digits, _ . -; at most 63' });
      }
    }
  }
  return issues;
}

function deviceIssues({ devices }: DockerPlan, facts: EngineFacts | null): readonly PlanIssue[] {
  const issues = [
    ...duplicateIssues(
      '/devices',
      devices.map((device) => device.id),
    ),
  ];
  for (const { id } of devices) {
    const at = `/devices/${escapeSegment(id)}`;
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z0-9][A-Za-z0-9._-]*=[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(id)) {
      issues.push({ path: at, message: `"${id}" is no CDI device`, hint: 'write vendor/class=device, e.g. nvidia.com/gpu=0' });
    } else if (facts !== null && !facts.cdi) {
      issues.push({ path: at, message: `Engine ${facts.version} injects no CDI devices`, hint: 'use an Engine with CDI enabled' });
    }
  }
  return issues;
}

function securityIssues({ security }: DockerPlan, settings: DockerSettings): readonly PlanIssue[] {
  return security.capAdd
    .filter((one) => !DEFAULT_CAPABILITIES.has(one) && !settings.allowedCapabilities.includes(one))
    .map((one) => ({
      path: '/security/capAdd',
      message: `capability ${one} is not among those that a sandbox may add`,
      hint: 'the operator may list it in allowedCapabilities',
    }));
}
