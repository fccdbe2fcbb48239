import { createHash } from 'node:crypto';
import { ACTIVATION_LABEL_PREFIX } from '@tenon/vocabulary';
import type { Caller } from '../engine.ts';
import { TenonError } from '../errors.ts';
import type { Manifest } from '../extension.ts';
import type { JsonObject } from '../json.ts';
import { digestOf } from '../plan/digest.ts';
import type { ActivationRecord, ActivationRow, ActiveExtension, Claims, ExtensionRecord, RevisionRecord, SandboxRequest } from '../records.ts';
import { type AlwaysOn, checkAlwaysOn } from './always-on.ts';
import { type DriverFacts, missingFor, notForDriver, runsOn } from './capabilities.ts';
import { compareText } from './compare-text.ts';
import { refuseUnownedExtensionConfig } from './config-scope.ts';
import { applicable, type Deciding, decidingFor } from './deciding.ts';
import { failureEffect } from './failure-policy.ts';
import { askedKeys, labelPointer } from './labels.ts';
import { setupOrder } from './order.ts';
import { keysOf } from './registry.ts';
import { configFault, resolveRequestConfig } from './request-config.ts';
import { scopeText } from './scope.ts';
import { listed, quoted } from './wording.ts';

export interface DecisionInput {
  readonly request: SandboxRequest;
  readonly sandboxId: string;
  readonly driver: DriverFacts;
  readonly extensions: readonly ExtensionRecord[];
  readonly activations: readonly ActivationRow[];
  readonly caller: Pick<Caller, 'actor' | 'role'>;
  readonly claims: Claims;
  readonly claimsSource: string;
  /** Whether the extension's breaker is open now. */
  readonly breakerOpen: (extension: string) => boolean;
  /** Whether that revision's code is here. */
  readonly available: (extension: string, revision: string) => boolean;
  /** Epoch ms. */
  readonly now: number;
  readonly dryRun: boolean;
  /** Activation keys that are the external driver's own: forwarded, not judged. */
  readonly passThroughKeys?: readonly string[];
  readonly alwaysOn?: readonly AlwaysOn[];
}

/** Either it runs, or it was considered and does not, for this reason. */
type Verdict = { readonly active: ActiveExtension } | { readonly passedOver: string };

/**
 * Decides once, for one sandbox, which extensions run and with what, and answers the record that every later phase reads. Everything that
 * a request asks for and cannot have is refused; nothing is silently stripped. The answer shares nothing with the input and is frozen.
 * @throws TenonError `activation_unknown`, `activation_not_granted`, `activation_disabled`, `killed`, `breaker_open`, `revision_unavailable`,
 * `config_invalid`, `unknown_field`, `unowned_config_block`, `capability_missing`, `reserved_label`, `validation_failed`
 */
export function decideActivation(input: DecisionInput): ActivationRecord {
  const { asked, declined } = askedKeys(input.request.template.labels, input.passThroughKeys);
  refuseUnknownKeys(asked, input.extensions);
  checkAlwaysOn(input.alwaysOn ?? [], input.extensions);
  const active: ActiveExtension[] = [];
  const passedOver: { name: string; reason: string }[] = [];
  for (const extension of [...input.extensions].sort((left, right) => compareText(left.name, right.name))) {
    const name = extension.name;
    const keys = keysOf(extension);
    const deciding = decidingFor(extension, input);
    if (!deciding) {
      refuseUngranted(
        asked.find((key) => keys.includes(key)),
        name,
        input,
      );
      continue;
    }
    if (deciding.entry) {
      for (const other of applicable(name, input)) {
        passedOver.push({
          name,
          reason: `activation ${other.id} (${scopeText(other.scope)}) is superseded by the always-on entry of ${deciding.entry.wrapper}`,
        });
      }
    }
    const verdict = judge(extension, deciding, { input, asked, declined });
    if ('active' in verdict) active.push(verdict.active);
    else passedOver.push({ name, reason: verdict.passedOver });
  }
  refuseUnownedExtensionConfig(
    input.request.extensionConfig,
    active.map(({ name }) => name),
    new Map(passedOver.map(({ name, reason }) => [name, reason])),
  );
  const record: ActivationRecord = { decidedAt: input.now, claims: input.claims, claimsSource: input.claimsSource, extensions: setupOrder(active), passedOver };
  return freezeDeep(structuredClone(record));
}

/** The bucket of a sandbox under an activation, 0 to 99: the first 32 bits of SHA-256(activation id ":" sandbox id), mod 100. */
export function rolloutBucket(activationId: string, sandboxId: string): number {
  return createHash('sha256').update(`${activationId}:${sandboxId}`).digest().readUInt32BE(0) % 100;
}

/** SHA-256, hex, of the canonical JSON of a config together with what the request set. */
export function configDigest(config: JsonObject, requestConfig: JsonObject): string {
  return digestOf({ config, requestConfig });
}

interface Question {
  readonly input: DecisionInput;
  readonly asked: readonly string[];
  readonly declined: readonly string[];
}

function judge(extension: ExtensionRecord, deciding: Deciding, { input, asked, declined }: Question): Verdict {
  const { name } = extension;
  const { request, driver } = input;
  const revision = extension.revisions.find((known) => known.revision === deciding.revision);
  const key = askedKeyOf(extension, deciding, revision, asked);
  if (deciding.mode === 'disabled') {
    if (key === null) return { passedOver: `disabled by ${deciding.text}` };
    throw refusal(
      'activation_disabled',
      name,
      key,
      `extension ${name} is disabled here by ${deciding.text}`,
      'Leave the label out, or have an operator enable the activation.',
    );
  }
  const manifest = revision?.manifest;
  const onRequest = manifest?.activation.mode === 'on_request' && !deciding.entry ? manifest.activation.key : null;
  if (onRequest !== null && key === null) {
    return { passedOver: declined.includes(onRequest) ? `declined by the label for ${onRequest}` : `not asked for (key ${onRequest})` };
  }
  const grantedBy = onRequest !== null && deciding.activation ? grantOf(deciding.activation, key ?? onRequest, input) : null;
  if (manifest && !runsOn(manifest, driver.kinds)) {
    const reason = notForDriver(manifest, driver);
    if (key === null) return { passedOver: reason };
    throw refusal('capability_missing', name, key, `extension ${name} cannot run here: ${reason}`, 'Leave the label out, or use another driver.');
  }
  const percentage = deciding.activation && onRequest === null ? deciding.activation.percentage : 100;
  const bucket = deciding.activation && percentage < 100 ? rolloutBucket(deciding.activation.id, input.sandboxId) : null;
  if (bucket !== null && bucket >= percentage && !input.dryRun) return { passedOver: `outside ${percentage} %` };
  // In shadow an extension owns and denies nothing, so it must not stop a create either.
  const required = deciding.mode === 'enforce' && (key !== null || (manifest?.hooks.some((hook) => hook.required) ?? true));
  const outage = outageOf(extension, deciding, required, input);
  if (outage) {
    if (required) throw outage.refusal;
    if (outage.stops) return { passedOver: outage.reason };
  }
  // An extension whose revision is not registered has stopped at the outage above; this tells the compiler so.
  if (!manifest || !revision) return { passedOver: `revision ${deciding.revision} is not registered` };
  const requestConfig = resolveRequestConfig(name, deciding, manifest, request);
  const fault = configFault(name, deciding, manifest, requestConfig);
  if (fault) {
    if (required || Object.keys(requestConfig).length > 0) throw fault;
    return { passedOver: `its config no longer fits revision ${deciding.revision}: ${fault.message}` };
  }
  if (required) refuseMissing(manifest, driver, key);
  return { active: activeOf({ deciding, revision, requestConfig, required, percentage, bucket, key, grantedBy }, input) };
}

interface Decided {
  readonly deciding: Deciding;
  readonly revision: RevisionRecord;
  readonly requestConfig: JsonObject;
  readonly required: boolean;
  readonly percentage: number;
  readonly bucket: number | null;
  readonly key: string | null;
  readonly grantedBy: string | null;
}

function activeOf(decided: Decided, input: DecisionInput): ActiveExtension {
  const { deciding, requestConfig } = decided;
  const { manifest, transport } = decided.revision;
  return {
    name: manifest.name,
    revision: manifest.revision,
    transport: transport.kind,
    activationId: deciding.activation?.id ?? null,
    order: deciding.order,
    ...(deciding.entry ? { place: deciding.entry.place } : {}),
    config: deciding.config,
    requestConfig,
    configDigest: configDigest(deciding.config, requestConfig),
    hooks: manifest.hooks,
    failurePolicy: Object.fromEntries(manifest.hooks.map((hook) => [hook.phase, failureEffect(hook, deciding.failurePolicy)])),
    // A grant counts only where the manifest asks to override that extension.
    overrides: deciding.overrides.filter(({ extension }) => manifest.overrides.includes(extension)),
    mode: deciding.mode === 'shadow' ? 'shadow' : 'enforce',
    percentage: decided.percentage,
    required: decided.required,
    why: whyOf(decided, input.dryRun),
    grantedBy: decided.grantedBy,
    dryRunSafe: manifest.dryRunSafe,
    shadowSafe: manifest.shadowSafe,
  };
}

function whyOf({ deciding, percentage, bucket, key }: Decided, dryRun: boolean): string {
  const parts = [key === null ? deciding.text : `asked for by the label for ${key}, granted by ${deciding.text}`];
  if (deciding.mode === 'shadow') parts.push('in shadow');
  if (bucket !== null) parts.push(dryRun ? `would run for ${percentage} % of sandboxes` : `inside ${percentage} % (bucket ${bucket})`);
  return parts.join(', ');
}

/** Whatever keeps an extension from being called now; `stops`: it can then not be active at all, required or not. */
function outageOf(
  extension: ExtensionRecord,
  deciding: Deciding,
  required: boolean,
  input: DecisionInput,
): { reason: string; stops: boolean; refusal: TenonError } | null {
  const { name } = extension;
  const because = (code: RefusalCode, reason: string, hint: string) => refusal(code, name, null, `extension ${name} is required here, and ${reason}`, hint);
  const kill = extension.killSwitch;
  if (kill.on) {
    const reason = `kill switch on: ${kill.reason ?? 'no reason given'}`;
    const hint = 'Wait until the kill switch is off, or use a sandbox that does not require it.';
    return { reason, stops: true, refusal: because('killed', `its ${reason}`, hint) };
  }
  if (!extension.revisions.some(({ revision }) => revision === deciding.revision) || !input.available(name, deciding.revision)) {
    const reason = `the code of revision ${deciding.revision} is not here`;
    return {
      reason,
      stops: true,
      refusal: because('revision_unavailable', reason, 'Install that revision again, or move the activation to one that is here.'),
    };
  }
  // The record is for good and a breaker is not: what is not required stays active, and the run skips it while the breaker is open.
  if (required && input.breakerOpen(name)) {
    const reason = 'its breaker is open after repeated failures';
    return { reason, stops: false, refusal: because('breaker_open', reason, 'Try again in half a minute; see the failed attempts of the extension.') };
  }
  return null;
}

/**
 * The key by which the request asks for this extension, or null. A key of another revision than the one that would run asks for something
 * that cannot be had, also where the right one stands beside it.
 */
function askedKeyOf(extension: ExtensionRecord, deciding: Deciding, revision: RevisionRecord | undefined, asked: readonly string[]): string | null {
  const keys = asked.filter((candidate) => keysOf(extension).includes(candidate));
  const activation = revision?.manifest.activation;
  const own = activation?.mode === 'on_request' ? activation.key : null;
  const wrong = activation && !deciding.entry ? keys.find((key) => key !== own) : undefined;
  if (wrong === undefined) return keys[0] ?? null;
  const now = own === null ? 'is not asked for by a label' : `is asked for by the key ${own}`;
  throw refusal(
    'activation_unknown',
    extension.name,
    wrong,
    `revision ${deciding.revision} of ${extension.name}, which would run here, ${now}`,
    'Correct the label, or move the activation to a revision with this key.',
  );
}

function grantOf(activation: ActivationRow, key: string, { caller, request }: DecisionInput): string {
  const { grant, extension } = activation;
  const refused = (why: string, hint: string) =>
    refusal('activation_not_granted', extension, key, `extension ${extension} is not granted to this request by activation ${activation.id}: ${why}`, hint);
  if (!grant) throw refused('its grant names nobody', 'Leave the label out, or have an operator set a grant on the activation.');
  if (grant.workspaces && !grant.workspaces.includes(request.workspace)) {
    throw refused(
      `workspace ${request.workspace} is not among ${listed(grant.workspaces)}`,
      'Leave the label out, or have an operator grant it to this workspace.',
    );
  }
  if (grant.roles && !grant.roles.includes(caller.role)) {
    throw refused(`role ${caller.role} is not among ${listed(grant.roles)}`, 'Leave the label out, or ask somebody who has that role.');
  }
  return `${activation.actor}, activation ${activation.id}`;
}

function refuseMissing(manifest: Manifest, driver: DriverFacts, key: string | null): void {
  const { refused } = missingFor(driver, driver.capabilities, manifest);
  if (refused.length === 0) return;
  const reasons = refused.map(({ reason, neededBy }) => `${reason} (needed by ${neededBy})`).join('; ');
  throw refusal(
    'capability_missing',
    manifest.name,
    key,
    `extension ${manifest.name} is required here, and driver ${driver.name} cannot run it: ${reasons}`,
    refused[0]?.remedy ?? 'Use another driver.',
  );
}

function refuseUnknownKeys(asked: readonly string[], extensions: readonly ExtensionRecord[]): void {
  const known = new Set(extensions.flatMap(keysOf));
  const unknown = asked.find((key) => !known.has(key));
  if (unknown === undefined) return;
  throw refusal(
    'activation_unknown',
    null,
    unknown,
    `no extension has the activation key ${quoted(unknown)}`,
    'Correct the label, leave it out, or have an operator register the extension.',
  );
}

function refuseUngranted(key: string | undefined, extension: string, { request }: DecisionInput): void {
  if (key === undefined) return;
  const place = `driver ${request.driver} in workspace ${request.workspace}`;
  throw refusal(
    'activation_not_granted',
    extension,
    key,
    `extension ${extension} has no activation for ${place}`,
    'Leave the label out, or have an operator activate the extension there.',
  );
}

type RefusalCode =
  | 'activation_unknown'
  | 'activation_not_granted'
  | 'activation_disabled'
  | 'killed'
  | 'breaker_open'
  | 'revision_unavailable'
  | 'capability_missing';

function refusal(code: RefusalCode, extension: string | null, key: string | null, message: string, hint: string): TenonError {
  return new TenonError(code, message, {
    hint,
    ...(extension === null ? {} : { extension }),
    ...(key === null ? {} : { pointer: labelPointer(ACTIVATION_LABEL_PREFIX + key) }),
  });
}

function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freezeDeep(part);
  return value;
}
