import { INSTALLATION_LABEL, RESERVED_ENV_PREFIXES, RESERVED_LABEL_PREFIXES, RESERVED_LABELS, SANDBOX_ID_LABEL } from '@tenon/vocabulary';
import { TenonError } from '../src/errors.ts';
import type { JsonObject } from '../src/json.ts';
import { isObject, type Json } from '../src/json.ts';
import type { PlanSchema, SecretRef } from '../src/plan/plan.ts';
import type { PlanIssue } from '../src/ports/driver.ts';
import type { SandboxRequest } from '../src/records.ts';

/** The fake's plan: docker's in small, with a list of files whose contents may be secrets. Keyed lists: mounts, networks, files, devices. */
export interface FakePlan {
  name: string;
  image: string | null;
  command: string[];
  env: Record<string, string | SecretRef>;
  labels: Record<string, string>;
  mounts: { target: string; source: string; readOnly: boolean }[];
  networks: { name: string; ipv4: string | null; aliases: string[] }[];
  files: { path: string; contents: string | SecretRef; mode: string }[];
  devices: { id: string }[];
  /** In order: an added step keeps the position at which it was inserted. */
  steps: { name: string; run: string }[];
  resources: { cpuMillis: number | null; memoryBytes: number | null };
  security: { capAdd: string[]; privileged: boolean };
}

const escapePointer = (segment: string): string => segment.replaceAll('~', '~0').replaceAll('/', '~1');

/** Points docker.{env,labels,mounts,networks,files,devices,steps,resources,security}: env also a start point, networks late. */
export const FAKE_SCHEMA: PlanSchema = {
  kind: 'docker',
  lists: [
    { path: '/mounts', key: ['target'], ordered: false },
    { path: '/networks', key: ['name'], ordered: false },
    { path: '/networks/*/aliases', key: 'set', ordered: false },
    { path: '/files', key: ['path'], ordered: false },
    { path: '/devices', key: ['id'], ordered: false },
    { path: '/steps', key: ['name'], ordered: true },
    { path: '/security/capAdd', key: 'set', ordered: false },
  ],
  points: [
    { name: 'docker.env', path: '/env', merge: 'map', key: null, ordered: false, openIn: ['prepare_plan', 'before_start'] },
    { name: 'docker.labels', path: '/labels', merge: 'map', key: null, ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.mounts', path: '/mounts', merge: 'keyed_list', key: ['target'], ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.networks', path: '/networks', merge: 'keyed_list', key: ['name'], ordered: false, openIn: ['before_create'] },
    { name: 'docker.files', path: '/files', merge: 'keyed_list', key: ['path'], ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.devices', path: '/devices', merge: 'keyed_list', key: ['id'], ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.steps', path: '/steps', merge: 'keyed_list', key: ['name'], ordered: true, openIn: ['prepare_plan'] },
    { name: 'docker.resources', path: '/resources', merge: 'singleton', key: null, ordered: false, openIn: ['prepare_plan'] },
    { name: 'docker.security', path: '/security', merge: 'singleton', key: null, ordered: false, openIn: ['prepare_plan'] },
  ],
  reserved: [
    '/name',
    '/image',
    '/command',
    '/security/privileged',
    ...RESERVED_LABEL_PREFIXES.map((prefix) => `/labels/${escapePointer(prefix)}*`),
    ...RESERVED_LABELS.map((label) => `/labels/${escapePointer(label)}`),
    ...RESERVED_ENV_PREFIXES.map((prefix) => `/env/${prefix}*`),
  ],
  secrets: ['/env/*', '/files/*/contents'],
  neutral: { labels: 'docker.labels', env: 'docker.env', resources: 'docker.resources' },
};

/** Pure: the same request and id give an equal plan. Accepts `driverConfig.<name>.mounts` (strings: target) and refuses every other field. */
export function fakePlan(driverName: string, request: SandboxRequest, sandboxId: string): FakePlan {
  if (request.template.resources.cpuRequest !== undefined) {
    throw new TenonError('validation_failed', 'cpuRequest: the fake driver has no requests, only limits; leave it out', {
      pointer: '/template/resources/cpuRequest',
    });
  }
  for (const key of Object.keys(request.template.platformConfig)) {
    throw new TenonError('unknown_field', `platformConfig.${key}: the fake driver knows no platform config; leave it out`, {
      pointer: `/template/platformConfig/${escapePointer(key)}`,
    });
  }
  return {
    name: `openshell-${request.workspace}--${request.name}-${sandboxId}`,
    image: request.template.image,
    command: [...request.command],
    env: { ...request.template.environment, ...request.environment, TENON_SANDBOX_ID: sandboxId },
    labels: { ...request.template.labels, [SANDBOX_ID_LABEL]: sandboxId, [INSTALLATION_LABEL]: 'fake' },
    mounts: mountsOf(driverName, request.template.driverConfig[driverName] ?? {}),
    networks: [],
    files: [],
    devices: Array.from({ length: request.gpu?.count ?? 0 }, (_, index) => ({ id: `fake.com/gpu=${index}` })),
    steps: [{ name: 'main', run: 'command' }],
    resources: {
      cpuMillis: request.template.resources.cpuLimit === undefined ? null : Number.parseInt(request.template.resources.cpuLimit, 10),
      memoryBytes: request.template.resources.memoryLimit === undefined ? null : Number.parseInt(request.template.resources.memoryLimit, 10),
    },
    security: { capAdd: [], privileged: false },
  };
}

function mountsOf(driverName: string, config: JsonObject): FakePlan['mounts'] {
  for (const key of Object.keys(config)) {
    if (key !== 'mounts') {
      throw new TenonError('unknown_field', `driverConfig.${driverName}.${key}: the fake driver knows only "mounts"; remove ${key}`, {
        pointer: `/template/driverConfig/${escapePointer(driverName)}/${escapePointer(key)}`,
      });
    }
  }
  const mounts = Array.isArray(config.mounts) ? config.mounts : [];
  return mounts.map((target) => ({ target: String(target), source: 'volume', readOnly: true }));
}

/** Shape and invariants: env and labels are maps of text, mount targets are absolute and unique, the name is there. */
export function fakeIssues(plan: Json): readonly PlanIssue[] {
  if (!isObject(plan)) return [{ path: '', message: 'the plan must be an object' }];
  const issues: PlanIssue[] = [];
  const known = new Set(['name', 'image', 'command', 'env', 'labels', 'mounts', 'networks', 'files', 'devices', 'steps', 'resources', 'security']);
  for (const key of Object.keys(plan)) {
    if (!known.has(key)) issues.push({ path: `/${escapePointer(key)}`, message: `"${key}" is no part of this plan`, hint: `remove ${key}` });
  }
  if (typeof plan.name !== 'string' || plan.name === '') issues.push({ path: '/name', message: 'the name must be text that is not empty' });
  for (const part of ['env', 'labels'] as const) {
    const map = plan[part];
    if (!isObject(map)) {
      issues.push({ path: `/${part}`, message: `${part} must be a map` });
      continue;
    }
    for (const [key, value] of Object.entries(map)) {
      const secret = part === 'env' && isObject(value) && typeof value.$secret === 'string';
      if (typeof value !== 'string' && !secret) issues.push({ path: `/${part}/${escapePointer(key)}`, message: `${key} must be text` });
    }
  }
  for (const part of ['mounts', 'networks', 'files', 'devices', 'steps'] as const) {
    if (!Array.isArray(plan[part])) issues.push({ path: `/${part}`, message: `${part} must be a list` });
  }
  for (const mount of Array.isArray(plan.mounts) ? plan.mounts : []) {
    const target: unknown = isObject(mount) ? mount.target : undefined;
    if (typeof target !== 'string' || !target.startsWith('/')) {
      issues.push({
        path: `/mounts/${escapePointer(String(target))}`,
        message: `mount target ${String(target)} must be an absolute path`,
        hint: 'begin it with /',
      });
    }
  }
  return issues;
}

/** What `aRequest` may be given: any field of the request, the template's one by one. */
export type RequestOverrides = Partial<Omit<SandboxRequest, 'template'>> & { readonly template?: Partial<SandboxRequest['template']> };

/** A complete request, as recorded, with whatever the test wants different. */
export function aRequest(overrides: RequestOverrides = {}): SandboxRequest {
  const { template, ...rest } = overrides;
  return {
    name: 'demo',
    workspace: 'default',
    driver: 'docker',
    template: { image: 'busybox:1', labels: {}, environment: {}, resources: {}, driverConfig: {}, platformConfig: {}, ...template },
    command: ['sleep', '3600'],
    environment: {},
    gpu: null,
    tty: false,
    claims: {},
    extensionConfig: {},
    ...rest,
  };
}
