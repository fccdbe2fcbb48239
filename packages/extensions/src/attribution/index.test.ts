import { checkConfig } from '@tenon/lifecycle';
import { describe, expect, it } from 'vitest';
import { callHook } from '../../testing/call-hook.ts';
import { attribution } from './index.ts';

const open = [
  { point: 'docker.labels', path: '/labels' },
  { point: 'docker.env', path: '/env' },
];
const claims = { tenant: 'acme', user: 'jo', policy: 'strict' };

describe('attribution', () => {
  it('writes claims, workspace and sandbox into labels and environment', async () => {
    const { plan } = await callHook(attribution, { phase: 'prepare_plan', config: {}, claims, open, plan: { labels: { own: 'x' }, env: {} } });
    expect(plan).toEqual({
      labels: {
        own: 'x',
        'attribution/tenant': 'acme',
        'attribution/user': 'jo',
        'attribution/policy': 'strict',
        'attribution/workspace': 'team-a',
        'attribution/sandbox': 'demo',
      },
      env: { ATTRIBUTION_TENANT: 'acme', ATTRIBUTION_USER: 'jo', ATTRIBUTION_POLICY: 'strict', ATTRIBUTION_WORKSPACE: 'team-a', ATTRIBUTION_SANDBOX: 'demo' },
    });
  });

  it('writes nothing for an absent claim', async () => {
    const { plan } = await callHook(attribution, { phase: 'prepare_plan', config: { fields: ['tenant', 'sandbox'] }, open, plan: { labels: {}, env: {} } });
    expect(plan).toEqual({ labels: { 'attribution/sandbox': 'demo' }, env: { ATTRIBUTION_SANDBOX: 'demo' } });
  });

  it('never overwrites: another value stays and is warned about, an equal one is no change', async () => {
    const before = { labels: { 'cost.acme.com/tenant': 'mine' }, env: { COST_TENANT: 'acme' } };
    const config = { labelPrefix: 'cost.acme.com/', envPrefix: 'COST_', fields: ['tenant'] };
    const { plan, answer } = await callHook(attribution, { phase: 'prepare_plan', config, claims, open, plan: before });
    expect(plan).toEqual(before);
    expect(answer).toMatchObject({ result: 'ok', edit: null, warnings: ['label cost.acme.com/tenant is there with another value: left as it is'] });
  });

  it('writes what a driver has, where it has only one of the two', async () => {
    const { plan } = await callHook(attribution, {
      phase: 'prepare_plan',
      config: { fields: ['tenant'] },
      claims,
      driver: 'other',
      open: [{ point: 'external.environment', path: '/spec/environment' }],
      plan: { spec: { environment: {} } },
    });
    expect(plan).toEqual({ spec: { environment: { ATTRIBUTION_TENANT: 'acme' } } });
  });

  it.each([
    ['labelPrefix', 'openshell.ai/'],
    ['labelPrefix', 'tenon.dev/team-'],
    ['labelPrefix', 'no trailing separator'],
    ['envPrefix', 'TENON_X_'],
    ['envPrefix', 'OPENSHELL_'],
    ['envPrefix', 'lower_'],
  ])('refuses %s %j when the activation is saved', (key, value) => {
    expect(() => checkConfig(attribution.manifest.configSchema, { [key]: value })).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  it.each([{}, { labelPrefix: 'cost.acme.com/', envPrefix: 'COST_' }, { labelPrefix: 'openshell-like.com/' }])('accepts %j', (config) => {
    expect(() => checkConfig(attribution.manifest.configSchema, config)).not.toThrow();
  });
});
