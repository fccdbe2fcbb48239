import { describe, expect, it } from 'vitest';
import { callHook, type TestCall } from '../../testing/call-hook.ts';
import { resourcePolicy } from './index.ts';

const open = [
  { point: 'docker.resources', path: '/resources' },
  { point: 'docker.devices', path: '/devices' },
];
const rule = (more: object) => ({ rules: [{ action: 'deny', cpu: '2', memory: '1Gi', gpus: 1, ...more }] }) as TestCall['config'];
const plan = (resources: object, devices: string[] = []) => ({
  resources: { cpuMillis: null, memoryBytes: null, pids: 100, ...resources },
  devices: devices.map((id) => ({ id })),
});

describe('validate_request under deny', () => {
  it.each([
    ['cpuLimit', { cpuLimit: '2001m' }, 'cpuLimit is 2001m; the most in workspace team-a is 2000 thousandths of a core: ask for that or less'],
    ['cpuRequest', { cpuRequest: '3' }, 'cpuRequest is 3; the most in workspace team-a is 2000 thousandths of a core: ask for that or less'],
    ['memoryLimit', { memoryLimit: '2Gi' }, 'memoryLimit is 2Gi; the most in workspace team-a is 1073741824 bytes: ask for that or less'],
  ])('refuses too much %s and names value, rule and way out', async (_, resources, message) => {
    const { answer } = await callHook(resourcePolicy, { phase: 'validate_request', config: rule({}), resources });
    expect(answer).toMatchObject({ result: 'deny', code: 'resource_limit', message });
  });

  it('refuses too many GPUs', async () => {
    const { answer } = await callHook(resourcePolicy, { phase: 'validate_request', config: rule({}), gpus: 2 });
    expect(answer).toMatchObject({ result: 'deny', message: 'gpu.count is 2; the most in workspace team-a is 1: ask for that or fewer' });
  });

  it('refuses what is no quantity', async () => {
    const { answer } = await callHook(resourcePolicy, { phase: 'validate_request', config: rule({}), resources: { cpuLimit: 'lots' } });
    expect(answer).toMatchObject({ result: 'deny', code: 'resource_unreadable' });
  });

  it.each([
    ['exactly the most', { cpuLimit: '2', memoryLimit: '1Gi' }],
    ['nothing', {}],
  ])('lets %s pass', async (_, resources) => {
    const { answer } = await callHook(resourcePolicy, { phase: 'validate_request', config: rule({}), resources });
    expect(answer.result).toBe('ok');
  });

  it('leaves it to the plan under clamp', async () => {
    const { answer } = await callHook(resourcePolicy, { phase: 'validate_request', config: rule({ action: 'clamp' }), resources: { cpuLimit: '64' } });
    expect(answer.result).toBe('ok');
  });
});

describe('the first rule that fits decides alone', () => {
  const config = {
    rules: [
      { workspaces: ['team-a'], tenants: ['acme'], cpu: '8', action: 'deny' },
      { tenants: ['acme'], cpu: '4', action: 'deny' },
      { workspaces: ['lab'], memory: '1Gi', action: 'deny' },
      { cpu: '1', action: 'deny' },
    ],
  };
  it.each([
    ['its workspace and tenant', 'team-a', { tenant: 'acme' }, '8', '9'],
    ['its tenant', 'other', { tenant: 'acme' }, '4', '5'],
    ['everyone', 'other', { tenant: 'beta' }, '1', '2'],
    ['everyone, without a claim', 'team-a', {}, '1', '2'],
  ])('%s', async (_, workspace, claims, fits, tooMuch) => {
    const call = (cpuLimit: string) => callHook(resourcePolicy, { phase: 'validate_request', config, workspace, claims, resources: { cpuLimit } });
    expect((await call(fits)).answer.result).toBe('ok');
    expect((await call(tooMuch)).answer.result).toBe('deny');
  });

  it('a rule without a maximum for CPU does not fall through to the next', async () => {
    const { answer } = await callHook(resourcePolicy, { phase: 'validate_request', config, workspace: 'lab', resources: { cpuLimit: '64' } });
    expect(answer.result).toBe('ok');
  });
});

describe('prepare_plan', () => {
  it('lowers what is above and keeps the rest', async () => {
    const result = await callHook(resourcePolicy, {
      phase: 'prepare_plan',
      config: rule({ action: 'clamp' }),
      open,
      plan: plan({ cpuMillis: 4000, memoryBytes: 1024 }),
    });
    expect(result.plan).toEqual(plan({ cpuMillis: 2000, memoryBytes: 1024 }));
    expect(result.answer).toMatchObject({ result: 'ok', message: 'CPU lowered to 2000 thousandths of a core', warnings: [] });
  });

  it.each(['deny', 'clamp'])('gives who names no limit the most, under %s', async (action) => {
    const result = await callHook(resourcePolicy, { phase: 'prepare_plan', config: rule({ action }), open, plan: plan({}) });
    expect(result.plan).toEqual(plan({ cpuMillis: 2000, memoryBytes: 1_073_741_824 }));
    expect(result.answer.message).toBe('CPU set to 2000 thousandths of a core; memory set to 1073741824 bytes');
  });

  it('denies what the plan has beyond the most although no request asked for it', async () => {
    const { answer } = await callHook(resourcePolicy, { phase: 'prepare_plan', config: rule({}), open, plan: plan({ cpuMillis: 4000 }) });
    expect(answer).toMatchObject({ result: 'deny', code: 'resource_limit', edit: null });
  });

  it('changes nothing where all fits, so that it owns nothing', async () => {
    const { answer } = await callHook(resourcePolicy, {
      phase: 'prepare_plan',
      config: rule({ action: 'clamp' }),
      open,
      plan: plan({ cpuMillis: 2000, memoryBytes: 1 }),
    });
    expect(answer).toMatchObject({ result: 'ok', edit: null, message: null });
  });

  it('warns where a driver has no such limit in its plan', async () => {
    const { answer } = await callHook(resourcePolicy, {
      phase: 'prepare_plan',
      config: rule({ action: 'clamp' }),
      driver: 'process',
      open: [{ point: 'process.limits', path: '/limits' }],
      plan: { limits: { nofile: 1024, memoryBytes: null, cpuSeconds: null } },
    });
    expect(answer.warnings).toEqual(['process has no limit for CPU in its plan: the maximum is not held there']);
    expect(answer.message).toBe('memory set to 1073741824 bytes');
  });

  it('takes GPUs beyond the most from the end and keeps other devices', async () => {
    const devices = ['vendor.com/nic=0', 'nvidia.com/gpu=0', 'nvidia.com/gpu=1', 'vendor.com/nic=1', 'nvidia.com/gpu=2'];
    const result = await callHook(resourcePolicy, { phase: 'prepare_plan', config: { rules: [{ gpus: 1, action: 'clamp' }] }, open, plan: plan({}, devices) });
    expect(result.plan).toEqual(plan({}, ['vendor.com/nic=0', 'nvidia.com/gpu=0', 'vendor.com/nic=1']));
    expect(result.answer.message).toBe('GPUs lowered from 3 to 1');
  });

  it('refuses a device that names all GPUs, whatever the action: they cannot be counted', async () => {
    const { answer } = await callHook(resourcePolicy, {
      phase: 'prepare_plan',
      config: { rules: [{ gpus: 1, action: 'clamp' }] },
      open,
      plan: plan({}, ['nvidia.com/gpu=all']),
    });
    expect(answer).toMatchObject({ result: 'deny', code: 'resource_limit' });
  });

  it('does nothing where no rule fits', async () => {
    const config = { rules: [{ tenants: ['acme'], cpu: '1', action: 'clamp' }] };
    const { answer } = await callHook(resourcePolicy, { phase: 'prepare_plan', config, open, plan: plan({ cpuMillis: 64_000 }) });
    expect(answer).toMatchObject({ result: 'ok', edit: null });
  });
});
