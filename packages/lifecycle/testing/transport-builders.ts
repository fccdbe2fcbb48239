import { CONTRACT_VERSION } from '@tenon/vocabulary';
import type { HookInput } from '../src/context.ts';
import type { Manifest } from '../src/extension.ts';
import type { HookCall, ReleaseCall } from '../src/ports/transport.ts';
import type { RevisionRecord, TransportRecord } from '../src/records.ts';

/** A whole manifest: an extension that hooks two phases and makes two kinds of effects. */
export function testManifest(overrides: Partial<Manifest> = {}): Manifest {
  const hook = { required: true, deadlineMs: 2000, onFailure: 'fail', optionalPoints: [], features: [], optionalFeatures: [] } as const;
  return {
    contract: CONTRACT_VERSION,
    name: 'under-test',
    revision: '1.0.0',
    description: 'An extension of the tests.',
    activation: { mode: 'global' },
    hooks: [
      { ...hook, phase: 'prepare_plan', points: ['process.labels'] },
      { ...hook, phase: 'before_create', points: [] },
    ],
    effects: ['slot', 'name'],
    drivers: null,
    configSchema: null,
    overrides: [],
    dryRunSafe: true,
    shadowSafe: false,
    cleansUp: null,
    ...overrides,
  };
}

export function testRevision(manifest: Manifest, transport: Partial<TransportRecord> & Pick<TransportRecord, 'kind'>): RevisionRecord {
  return {
    extension: manifest.name,
    revision: manifest.revision,
    manifest,
    transport: { url: null, secretId: null, signedAnswers: false, ...transport },
    createdAt: 0,
  };
}

export function testHookInput(overrides: Partial<HookInput> = {}): HookInput {
  return {
    phase: 'prepare_plan',
    extension: 'under-test',
    revision: '1.0.0',
    run: { id: 'run-1', operation: 'create', attempt: 1, idempotencyKey: 'key-1', deadline: '2026-11-24T10:00:10.000Z' },
    sandbox: { id: 'sb-1', name: 'demo', workspace: 'team-a' },
    driver: { name: 'process', chain: ['process'], features: [] },
    actor: { kind: 'token', name: 'ada', role: 'operator' },
    requestId: 'req-1',
    template: {
      image: 'busybox:1',
      labels: { app: 'demo' },
      environment: { KEY: { $secret: 'sec-1' } },
      resources: { cpuLimit: '500m' },
      driverConfig: {},
      platformConfig: {},
    },
    resources: { cpuLimit: '500m' },
    gpu: null,
    command: ['sleep', '3600'],
    claims: { tenant: 'acme' },
    config: { limit: 2, nested: { list: [1, 2] } },
    requestConfig: {},
    state: null,
    shadow: false,
    dryRun: false,
    failure: null,
    ...overrides,
  };
}

export type HookCallOverrides = Partial<Omit<HookCall, 'input' | 'plan'>> & { readonly input?: Partial<HookInput>; readonly plan?: Partial<HookCall['plan']> };

/** A call of `prepare_plan` on a small plan whose labels are open. Doors refuse: a test that needs one gives it. */
export function testHookCall(overrides: HookCallOverrides = {}): HookCall {
  const { input, plan, ...rest } = overrides;
  const closed = async (): Promise<never> => {
    throw new Error('this test opens no ledger door');
  };
  const controller = new AbortController();
  return {
    input: testHookInput(input),
    plan: {
      driver: 'process',
      revision: 0,
      value: { name: 'demo', command: ['sleep', '3600'], env: {}, labels: { app: 'demo' } },
      open: [{ point: 'process.labels', path: '/labels' }],
      schema: { kind: 'process', lists: [], points: [], reserved: [], secrets: [], neutral: {} },
      ...plan,
    },
    deadlineMs: 2000,
    signal: () => controller.signal,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    doors: { effects: { ensure: closed }, shared: { ensure: closed }, leases: { acquire: closed } },
    services: {},
    ...rest,
  };
}

export function testReleaseCall(effects: ReleaseCall['effects'], overrides: Partial<ReleaseCall> = {}): ReleaseCall {
  return {
    extension: 'under-test',
    revision: '1.0.0',
    sandbox: { id: 'sb-1', name: 'demo', workspace: 'team-a' },
    idempotencyKey: 'key-1',
    effects,
    reason: 'rollback',
    deadlineMs: 2000,
    signal: new AbortController().signal,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    services: {},
    ...overrides,
  };
}
