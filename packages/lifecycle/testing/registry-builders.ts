import { PHASE_NAMES } from '@tenon/vocabulary';
import { TenonError } from '../src/errors.ts';
import { completeManifest, type Manifest, type ManifestInput } from '../src/extension.ts';
import type { ActivationRow, ExtensionRecord } from '../src/records.ts';
import type { DriverFacts } from '../src/registry/capabilities.ts';
import { FAKE_SCHEMA } from './fake-plan.ts';

/** A manifest in full: global, one prepare_plan hook that touches `*.labels`. */
export function aManifest(overrides: Partial<ManifestInput> = {}): Manifest {
  return completeManifest({
    name: 'base-labels',
    revision: '1.0.0',
    activation: { mode: 'global' },
    hooks: [{ phase: 'prepare_plan', points: ['*.labels'] }],
    ...overrides,
  });
}

/** An extension as registered, with one revision for each manifest, the last of them the latest. */
export function anExtension(manifests: Manifest | readonly Manifest[], overrides: Partial<ExtensionRecord> = {}): ExtensionRecord {
  const all = 'name' in manifests ? [manifests] : manifests;
  const last = all.at(-1);
  if (!last) throw new Error('an extension has at least one revision');
  return {
    name: last.name,
    source: 'registered',
    latest: last.revision,
    killSwitch: { on: false, reason: null, actor: null, at: null },
    revisions: all.map((manifest) => ({
      extension: manifest.name,
      revision: manifest.revision,
      manifest,
      transport: { kind: 'http', url: 'http://127.0.0.1:9000', secretId: null, signedAnswers: false },
      createdAt: 0,
    })),
    createdAt: 0,
    ...overrides,
  };
}

/** An activation as saved: everywhere, enforced, at 100 %. */
export function anActivation(overrides: Partial<ActivationRow> = {}): ActivationRow {
  return {
    id: 'act-1',
    extension: 'base-labels',
    revision: '1.0.0',
    scope: { drivers: null, workspaces: null },
    mode: 'enforce',
    percentage: 100,
    order: 1000,
    config: {},
    requestSettable: [],
    overrides: [],
    grant: null,
    failurePolicy: {},
    reason: 'wanted',
    actor: 'ada',
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    ...overrides,
  };
}

/** A docker-like driver that reaches every phase and reports the feature `exec`. */
export function someDriver(overrides: Partial<DriverFacts> = {}): DriverFacts {
  return {
    name: 'docker',
    chain: ['docker'],
    kinds: ['docker'],
    schema: FAKE_SCHEMA,
    capabilities: {
      operations: ['create', 'start', 'stop', 'delete', 'reconcile', 'preview'],
      phases: PHASE_NAMES,
      features: ['exec'],
      limits: {},
      services: ['tcp_probe'],
      isolation: 'container',
      version: '20.10',
    },
    ...overrides,
  };
}

/** The TenonError that `act` throws; anything else, or nothing, fails the test. */
export function caught(act: () => unknown): TenonError {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof TenonError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}
