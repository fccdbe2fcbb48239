import type { ExtensionView, ManifestView, RevisionView } from '@tenon/contract';
import type { ExtensionRecord, Manifest, RevisionRecord } from '@tenon/lifecycle';
import type { BreakerState } from '@tenon/vocabulary';
import { iso, isoOrNull } from './time.ts';

export function presentExtension(
  extension: ExtensionRecord,
  around: { readonly breaker: BreakerState; readonly activations: number; readonly owed: number },
): ExtensionView {
  const latest = extension.revisions.find((revision) => revision.revision === extension.latest);
  return {
    name: extension.name,
    description: latest?.manifest.description ?? '',
    latest: extension.latest,
    source: extension.source,
    killSwitch: {
      on: extension.killSwitch.on,
      reason: extension.killSwitch.reason,
      actor: extension.killSwitch.actor,
      at: isoOrNull(extension.killSwitch.at),
    },
    breaker: around.breaker,
    revisions: extension.revisions.map(presentRevision),
    activations: around.activations,
    owed: around.owed,
  };
}

export function presentRevision(revision: RevisionRecord): RevisionView {
  return {
    revision: revision.revision,
    manifest: presentManifest(revision.manifest),
    transport: { kind: revision.transport.kind, url: revision.transport.url, signedAnswers: revision.transport.signedAnswers },
    createdAt: iso(revision.createdAt),
  };
}

function presentManifest(manifest: Manifest): ManifestView {
  return {
    contract: manifest.contract,
    name: manifest.name,
    revision: manifest.revision,
    description: manifest.description,
    activation: manifest.activation.mode === 'global' ? { mode: 'global' } : { mode: 'on_request', key: manifest.activation.key },
    hooks: manifest.hooks.map((hook) => ({
      phase: hook.phase,
      required: hook.required,
      deadlineMs: hook.deadlineMs,
      onFailure: hook.onFailure,
      points: [...hook.points],
      optionalPoints: [...hook.optionalPoints],
      features: [...hook.features],
      optionalFeatures: [...hook.optionalFeatures],
    })),
    effects: [...manifest.effects],
    drivers: manifest.drivers === null ? null : [...manifest.drivers],
    configSchema: manifest.configSchema,
    overrides: [...manifest.overrides],
    dryRunSafe: manifest.dryRunSafe,
    shadowSafe: manifest.shadowSafe,
    cleansUp: manifest.cleansUp,
  };
}
