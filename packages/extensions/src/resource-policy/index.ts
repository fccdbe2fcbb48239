import { defineExtension, type HookContext, type HookReply, isObject, type Json } from '@tenon/lifecycle';
import { DRIVER_KINDS } from '@tenon/vocabulary';
import { openPart } from '../open-part.ts';
import { isGpu, lowerLimit, PLAN_LIMITS, type PlanLimit } from './plan-limits.ts';
import { cpuMillis, memoryBytes } from './quantity.ts';
import { CONFIG_SCHEMA, type Maxima, maximaFor } from './rule.ts';

const WORDS: Readonly<Record<PlanLimit, string>> = { cpuMillis: 'CPU', memoryBytes: 'memory' };

/**
 * Holds each sandbox to the CPU, memory and GPUs that its workspace or tenant may use: denies what asks for more, or lowers it.
 * A sandbox that names no limit gets the most that it may have, where the driver's plan holds that limit.
 */
export const resourcePolicy = defineExtension<Json>({
  name: 'resource-policy',
  revision: '1.0.0',
  description: 'Denies or lowers CPU, memory and GPUs beyond what a workspace or tenant may use.',
  activation: { mode: 'global' },
  // Every kind by name: a list of points that named only docker's would make this an extension for docker alone.
  drivers: DRIVER_KINDS,
  configSchema: CONFIG_SCHEMA,
  dryRunSafe: true,
  shadowSafe: true,
  cleansUp: '^1',
  hooks: {
    validate_request: { deadlineMs: 2_000, run: judgeRequest },
    prepare_plan: { deadlineMs: 2_000, optionalPoints: ['*.resources', 'docker.devices', 'podman.devices'], run: judgePlan },
  },
});

function judgeRequest(ctx: HookContext): HookReply | undefined {
  const maxima = maximaFor(ctx.config, ctx.sandbox.workspace, ctx.claims);
  if (maxima === null || maxima.action !== 'deny') return undefined;
  for (const [field, read, most] of [
    ['cpuRequest', cpuMillis, maxima.cpuMillis],
    ['cpuLimit', cpuMillis, maxima.cpuMillis],
    ['memoryRequest', memoryBytes, maxima.memoryBytes],
    ['memoryLimit', memoryBytes, maxima.memoryBytes],
  ] as const) {
    const asked = ctx.resources[field];
    if (asked === undefined || most === null) continue;
    const value = read(asked);
    if (value === null)
      return { result: 'deny', code: 'resource_unreadable', message: `${field} is ${asked}, which is no quantity: write it as 500m or 512Mi` };
    if (value > most)
      return { result: 'deny', code: 'resource_limit', message: `${field} is ${asked}; ${whoseMost(ctx)} is ${most} ${unitOf(field)}: ask for that or less` };
  }
  const gpus = ctx.gpu?.count ?? 0;
  if (maxima.gpus !== null && gpus > maxima.gpus) {
    return { result: 'deny', code: 'resource_limit', message: `gpu.count is ${gpus}; ${whoseMost(ctx)} is ${maxima.gpus}: ask for that or fewer` };
  }
  return undefined;
}

function judgePlan(ctx: HookContext): HookReply | undefined {
  const maxima = maximaFor(ctx.config, ctx.sandbox.workspace, ctx.claims);
  if (maxima === null) return undefined;
  const said: string[] = [];
  const warnings: string[] = [];
  const resources = openPart(ctx, ['resources', 'limits']);
  for (const field of PLAN_LIMITS) {
    const most = maxima[field];
    if (most === null) continue;
    const planned = resources?.[field];
    if (maxima.action === 'deny' && typeof planned === 'number' && planned > most) {
      return { result: 'deny', code: 'resource_limit', message: `the plan has ${planned} as ${field}; ${whoseMost(ctx)} is ${most}: ask for that or less` };
    }
    const done = resources === null ? 'unknown_here' : lowerLimit(resources, field, most);
    if (done === 'unknown_here') warnings.push(`${ctx.driver.name} has no limit for ${WORDS[field]} in its plan: the maximum is not held there`);
    else if (done !== 'fits') said.push(`${WORDS[field]} ${done} to ${most} ${unitOf(field)}`);
  }
  const gpus = holdGpus(ctx, maxima);
  if (gpus?.result === 'deny') return gpus;
  if (gpus?.message) said.push(gpus.message);
  return { ...(said.length > 0 ? { message: said.join('; ') } : {}), ...(warnings.length > 0 ? { warnings } : {}) };
}

/** GPUs are devices of the plan. Only single ones can be counted, so a plan that names all of them at once is refused, not guessed at. */
function holdGpus(ctx: HookContext, maxima: Maxima): HookReply | undefined {
  const most = maxima.gpus;
  const devices = isObject(ctx.plan) ? ctx.plan.devices : undefined;
  if (most === null || !Array.isArray(devices)) return undefined;
  const named = devices.flatMap((device: unknown, index) =>
    isObject(device) && typeof device.id === 'string' && isGpu(device.id) ? [{ id: device.id, index }] : [],
  );
  const all = named.find(({ id }) => id.endsWith('=all'));
  if (all) return { result: 'deny', code: 'resource_limit', message: `${all.id} names every GPU; ${whoseMost(ctx)} is ${most}: ask for a number of them` };
  if (named.length <= most) return undefined;
  if (maxima.action === 'deny') {
    return { result: 'deny', code: 'resource_limit', message: `the plan names ${named.length} GPUs; ${whoseMost(ctx)} is ${most}: ask for that or fewer` };
  }
  // From the end, so that the indexes before it still fit.
  for (const { index } of named.slice(most).reverse()) devices.splice(index, 1);
  return { message: `GPUs lowered from ${named.length} to ${most}` };
}

function whoseMost(ctx: HookContext): string {
  const tenant = ctx.claims.tenant === undefined ? '' : ` for tenant ${ctx.claims.tenant}`;
  return `the most in workspace ${ctx.sandbox.workspace}${tenant}`;
}

function unitOf(field: string): string {
  return field.startsWith('cpu') ? 'thousandths of a core' : 'bytes';
}
