import { CONTRACT_VERSION, LIMITS } from '@tenon/vocabulary';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { caught } from '../testing/registry-builders.ts';
import { completeManifest, defineExtension, type EffectDefinition, type HookFunction } from './extension.ts';

interface DockerPlan {
  labels: Record<string, string>;
  networks: { name: string; ipv4: string | null }[];
}

const lease: EffectDefinition<{ pool: string }, { address: string }> = {
  apply: async ({ input }) => ({ address: `${input.pool}.1` }),
  release: async ({ handle }) => void handle?.address,
};

describe('defineExtension', () => {
  const extension = defineExtension<DockerPlan>({
    name: 'tenant-network',
    revision: '1.2.0',
    description: 'A network for each tenant',
    activation: { mode: 'on_request', key: 'tenant-network' },
    hooks: {
      prepare_plan: {
        points: ['docker.labels'],
        run: (ctx) => {
          expectTypeOf(ctx.plan.networks).toEqualTypeOf<DockerPlan['networks']>();
          ctx.plan.labels.tenant = ctx.claims.tenant ?? 'none';
        },
      },
      before_create: { deadlineMs: 5_000, run: async () => ({ result: 'deny', code: 'quota' }) },
      after_ready: { run: async () => {} },
      after_delete: { required: false, run: () => undefined },
    },
    effects: { ip_lease: lease },
    shared: { network: { apply: async () => null, release: async () => {} } },
  });

  it('fills in every default of the contract', () => {
    const hook = { required: true, deadlineMs: LIMITS.hookDeadlineMs, points: [], optionalPoints: [], features: [], optionalFeatures: [] };
    expect(extension.manifest).toEqual({
      contract: CONTRACT_VERSION,
      name: 'tenant-network',
      revision: '1.2.0',
      description: 'A network for each tenant',
      activation: { mode: 'on_request', key: 'tenant-network' },
      hooks: [
        { ...hook, phase: 'prepare_plan', onFailure: 'fail', points: ['docker.labels'] },
        { ...hook, phase: 'before_create', onFailure: 'fail', deadlineMs: 5_000 },
        { ...hook, phase: 'after_ready', onFailure: 'warn' },
        { ...hook, phase: 'after_delete', onFailure: 'warn', required: false },
      ],
      effects: ['ip_lease'],
      drivers: null,
      configSchema: null,
      overrides: [],
      dryRunSafe: false,
      shadowSafe: false,
      cleansUp: null,
    });
  });

  it('keeps the code apart from the manifest, which stays JSON', () => {
    expect(Object.keys(extension.hooks)).toEqual(['prepare_plan', 'before_create', 'after_ready', 'after_delete']);
    expectTypeOf(extension.hooks.prepare_plan).toEqualTypeOf<HookFunction | undefined>();
    expect(JSON.parse(JSON.stringify(extension.manifest))).toEqual(extension.manifest);
    expect(Object.keys(extension.effects)).toEqual(['ip_lease']);
    expect(Object.keys(extension.shared)).toEqual(['network']);
  });

  it('declares shared things as effects only where the author does', () => {
    expect(extension.manifest.effects).not.toContain('network');
  });

  it('refuses a phase that is not in the catalogue', () => {
    const hooks = { configure_launch: { run: () => {} } } as unknown as Parameters<typeof defineExtension>[0]['hooks'];
    const error = caught(() => defineExtension({ name: 'x', revision: '1.0.0', description: '', activation: { mode: 'global' }, hooks }));
    expect([error.code, error.context.pointer]).toEqual(['unknown_phase', '/manifest/hooks/0/phase']);
  });
});

describe('completeManifest', () => {
  it('is the same for a manifest in full', () => {
    const full = completeManifest({
      name: 'a',
      revision: '1.0.0',
      activation: { mode: 'global' },
      hooks: [{ phase: 'reconcile' }],
      drivers: ['docker'],
      cleansUp: '^1',
    });
    expect(completeManifest(full)).toEqual(full);
  });
});
