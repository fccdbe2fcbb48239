import { CONTRACT_VERSION, DRIVER_EFFECTS, DRIVER_KINDS, type DriverKind, EXTENSION_NAME, isPhase, LIMITS, PHASE_NAMES, phaseRow } from '@tenon/vocabulary';
import semver from 'semver';
import { TenonError } from '../errors.ts';
import type { HookDeclaration, Manifest } from '../extension.ts';
import type { PlanSchema } from '../plan/plan.ts';
import { isForbiddenKey } from '../plan/pointer.ts';
import type { ExtensionRecord } from '../records.ts';
import { checkSchema } from './config-schema.ts';
import { refusesWarn } from './failure-policy.ts';
import { checkPoint } from './known-points.ts';
import { listed, pointerTo, quoted } from './wording.ts';

export interface RegistrationContext {
  /** Every extension that there is; the one that gets a revision may be among them. */
  readonly others: readonly ExtensionRecord[];
  /** The plan schemas of the drivers that are loaded. */
  readonly schemas: readonly PlanSchema[];
  /** The extension that gets a new revision; null for a new extension. */
  readonly known: ExtensionRecord | null;
  /** Where the product itself puts its code in place of what was there: the one revision may then come again. */
  readonly replaces?: boolean;
}

const NAME_MAX = 128;
const HOW_TO_NAME = `Use 1 to ${NAME_MAX} letters, digits, ".", "_" and "-", and neither "." nor "..".`;

/**
 * Everything that registration refuses, in one place; it may be called again under the registry's lock. Pointers are into the body of the
 * registration (`/manifest/...`).
 * @throws TenonError `unsupported_contract`, `invalid_extension_name`, `manifest_mismatch`, `extension_exists`, `invalid_activation_key`,
 * `unknown_phase`, `unknown_point`, `point_closed`, `validation_failed`
 */
export function checkRegistration(manifest: Manifest, context: RegistrationContext): void {
  checkContract(manifest);
  checkName(manifest.name);
  checkIdentity(manifest, context);
  checkRevision(manifest);
  checkActivationKey(manifest, context);
  checkHooks(manifest, context.schemas);
  checkEffects(manifest);
  checkDrivers(manifest);
  checkOverrides(manifest);
  if (manifest.configSchema !== null) withExtension(manifest.name, () => checkSchema(manifest.configSchema ?? {}));
}

/** Whether a text can be an extension's name, an activation key or an effect kind. */
export function isExtensionName(name: string): boolean {
  return EXTENSION_NAME.test(name) && name.length <= NAME_MAX && name !== '.' && name !== '..' && !isForbiddenKey(name);
}

/**
 * Refuses a `describe` answer that differs from what was registered (`manifest_mismatch`), naming the first place that does.
 * Both are manifests in full: what has a default may be left out by either.
 */
export function checkDescribed(registered: Manifest, described: Manifest): void {
  const at = firstDifference(registered, described, '');
  if (at === null) return;
  throw new TenonError('manifest_mismatch', `extension ${registered.name} describes itself otherwise than it is registered, at ${at || 'the whole'}`, {
    extension: registered.name,
    pointer: `/manifest${at}`,
    hint: 'Register the manifest that the extension answers to describe, or start the extension that belongs to this manifest.',
  });
}

/**
 * Refuses to unregister what is still in use, unless forced with a reason. Forced: activations go, hooks are skipped, and effects stay
 * and become owed when due.
 * @throws TenonError `extension_in_use` with the counts, `validation_failed` where force comes without a reason
 */
export function checkUnregister(
  uses: { readonly activations: number; readonly owed: number; readonly sandboxes: number },
  options: { readonly force: boolean; readonly reason: string | null },
  name?: string,
): void {
  const where = name === undefined ? {} : { extension: name };
  if (options.force) {
    if (options.reason?.trim()) return;
    throw new TenonError('validation_failed', 'a forced removal needs a reason', { ...where, pointer: '/reason', hint: 'Say why, as ?reason=.' });
  }
  const counts = [count(uses.activations, 'activation'), count(uses.owed, 'owed effect'), count(uses.sandboxes, 'sandbox', 'sandboxes')].filter(
    (text) => text !== null,
  );
  if (counts.length === 0) return;
  throw new TenonError('extension_in_use', `extension${name === undefined ? '' : ` ${name}`} is still in use: ${counts.join(', ')}`, {
    ...where,
    hint: 'Delete its activations and its sandboxes and settle what it owes, or force the removal with a reason: its effects then stay and become owed.',
  });
}

/** The keys by which requests can ask for an extension: those of all its revisions. */
export function keysOf(extension: ExtensionRecord): readonly string[] {
  return [...new Set(extension.revisions.flatMap(({ manifest }) => (manifest.activation.mode === 'on_request' ? [manifest.activation.key] : [])))];
}

function checkContract(manifest: Manifest): void {
  if (manifest.contract === CONTRACT_VERSION) return;
  throw new TenonError('unsupported_contract', `the manifest speaks ${quoted(manifest.contract)}, and this engine speaks ${CONTRACT_VERSION}`, {
    extension: manifest.name,
    pointer: '/manifest/contract',
    hint: `Build the extension for ${CONTRACT_VERSION}.`,
  });
}

function checkName(name: string): void {
  if (isExtensionName(name)) return;
  throw new TenonError('invalid_extension_name', `${quoted(name)} cannot be an extension's name`, { pointer: '/manifest/name', hint: HOW_TO_NAME });
}

function checkIdentity(manifest: Manifest, { others, known, replaces }: RegistrationContext): void {
  const { name, revision } = manifest;
  if (known === null) {
    if (!others.some((other) => other.name === name)) return;
    throw new TenonError('extension_exists', `an extension named ${name} exists`, {
      extension: name,
      pointer: '/manifest/name',
      hint: `Choose another name, or post this as a revision to /api/v1/extensions/${name}/revisions.`,
    });
  }
  if (known.name !== name) {
    throw new TenonError('manifest_mismatch', `the manifest is of ${quoted(name)}, and the registration of ${known.name}`, {
      extension: known.name,
      pointer: '/manifest/name',
      hint: `Set the manifest's name to ${known.name}, or register ${quoted(name)} as an extension of its own.`,
    });
  }
  if (replaces && known.source !== 'registered') return;
  if (replaces) {
    throw new TenonError('extension_exists', `an extension named ${name} is registered, and the product brings one of that name`, {
      extension: name,
      hint: 'Unregister it, or leave the one in the configuration out.',
    });
  }
  if (known.source !== 'registered') {
    throw new TenonError('extension_exists', `extension ${name} is ${known.source} with the product: its one revision is the code that is there`, {
      extension: name,
      hint: 'Register the extension under another name.',
    });
  }
  if (!known.revisions.some((existing) => existing.revision === revision)) return;
  throw new TenonError('extension_exists', `extension ${name} has a revision ${revision} already, and revisions never change`, {
    extension: name,
    pointer: '/manifest/revision',
    hint: `Raise the revision: the latest is ${known.latest}.`,
  });
}

function checkRevision(manifest: Manifest): void {
  // `valid` also takes spellings of the same version (a leading v, build metadata): one version must have one name.
  if (semver.valid(manifest.revision) !== manifest.revision) {
    refuse(
      manifest,
      '/manifest/revision',
      `revision ${quoted(manifest.revision)} is not a semantic version`,
      'Write it as 1.2.3 or 1.2.3-rc.1, without "v" and build metadata.',
    );
  }
  if (manifest.cleansUp !== null && (manifest.cleansUp.trim() === '' || semver.validRange(manifest.cleansUp) === null)) {
    refuse(
      manifest,
      '/manifest/cleansUp',
      `cleansUp ${quoted(manifest.cleansUp)} is no range of versions`,
      'Write a semver range such as ^1 or ">=1.2 <3"; leave it out for none.',
    );
  }
}

function checkActivationKey(manifest: Manifest, { others }: RegistrationContext): void {
  if (manifest.activation.mode !== 'on_request') return;
  const { key } = manifest.activation;
  const where = { extension: manifest.name, pointer: '/manifest/activation/key' };
  if (!isExtensionName(key)) throw new TenonError('invalid_activation_key', `${quoted(key)} cannot be an activation key`, { ...where, hint: HOW_TO_NAME });
  const owner = others.find((other) => other.name !== manifest.name && keysOf(other).includes(key));
  if (!owner) return;
  throw new TenonError('invalid_activation_key', `activation key ${key} belongs to extension ${owner.name}`, {
    ...where,
    conflictsWith: owner.name,
    hint: 'Choose another key, or unregister that extension.',
  });
}

function checkHooks(manifest: Manifest, schemas: readonly PlanSchema[]): void {
  const seen = new Set<string>();
  for (const [index, hook] of manifest.hooks.entries()) {
    const at = `/manifest/hooks/${index}`;
    if (!isPhase(hook.phase)) {
      throw new TenonError('unknown_phase', `extension ${manifest.name} hooks ${quoted(hook.phase)}, which is no phase`, {
        extension: manifest.name,
        pointer: `${at}/phase`,
        hint: `Use one of ${PHASE_NAMES.join(', ')}.`,
      });
    }
    if (seen.has(hook.phase)) refuse(manifest, `${at}/phase`, `phase ${hook.phase} is hooked twice`, 'Declare one hook for each phase.');
    seen.add(hook.phase);
    checkHook(manifest, hook, at);
    for (const list of ['points', 'optionalPoints'] as const) {
      for (const [place, point] of hook[list].entries())
        checkPoint(point, { extension: manifest.name, phase: hook.phase, schemas, pointer: `${at}/${list}/${place}` });
    }
  }
}

function checkHook(manifest: Manifest, hook: HookDeclaration, at: string): void {
  const { deadlineMs } = hook;
  if (!Number.isInteger(deadlineMs) || deadlineMs < 1 || deadlineMs > LIMITS.hookDeadlineMaxMs) {
    const hint = `Set a whole number of milliseconds from 1 to ${LIMITS.hookDeadlineMaxMs}.`;
    refuse(manifest, `${at}/deadlineMs`, `the deadline of ${hook.phase} is ${quoted(deadlineMs)} ms, outside 1 to ${LIMITS.hookDeadlineMaxMs}`, hint);
  }
  const strict = hook.onFailure === 'warn' ? refusesWarn(hook) : null;
  if (strict) refuse(manifest, `${at}/onFailure`, `onFailure is "warn": ${strict}`, 'Set onFailure to "fail", or "required" to false.');
  for (const list of ['features', 'optionalFeatures'] as const) {
    for (const [place, feature] of hook[list].entries()) {
      if (!isExtensionName(feature)) refuse(manifest, `${at}/${list}/${place}`, `${quoted(feature)} cannot be a feature`, HOW_TO_NAME);
    }
  }
}

function checkEffects(manifest: Manifest): void {
  const seen = new Set<string>();
  for (const [index, kind] of manifest.effects.entries()) {
    const pointer = `/manifest/effects/${index}`;
    if (!isExtensionName(kind)) refuse(manifest, pointer, `${quoted(kind)} cannot be an effect kind`, HOW_TO_NAME);
    if ((DRIVER_EFFECTS as readonly string[]).includes(kind)) refuse(manifest, pointer, `effect kind ${kind} is the driver's own`, 'Choose another name.');
    if (seen.has(kind)) refuse(manifest, pointer, `effect kind ${kind} is declared twice`, 'Declare each kind once.');
    seen.add(kind);
  }
  if (manifest.effects.length === 0 || manifest.hooks.some(({ phase }) => phaseRow(phase).effects)) return;
  const able = PHASE_NAMES.filter((phase) => phaseRow(phase).effects);
  const hooked = listed(manifest.hooks.map(({ phase }) => phase));
  refuse(
    manifest,
    '/manifest/effects',
    `effects ${manifest.effects.join(', ')} are declared, and no hooked phase allows effects (hooked: ${hooked})`,
    `Hook one of ${able.join(', ')}, or declare no effects.`,
  );
}

function checkDrivers(manifest: Manifest): void {
  if (manifest.drivers === null) return;
  if (manifest.drivers.length === 0)
    refuse(manifest, '/manifest/drivers', 'drivers is an empty list: the extension would run nowhere', 'Name driver kinds, or leave drivers out.');
  for (const [index, kind] of manifest.drivers.entries()) {
    if (isDriverKind(kind)) continue;
    refuse(manifest, `/manifest/drivers/${index}`, `${quoted(kind)} is no driver kind`, `Use one of ${DRIVER_KINDS.join(', ')}.`);
  }
}

function checkOverrides(manifest: Manifest): void {
  for (const [index, other] of manifest.overrides.entries()) {
    const pointer = `/manifest/overrides/${index}`;
    if (!isExtensionName(other)) refuse(manifest, pointer, `${quoted(other)} cannot be an extension's name`, HOW_TO_NAME);
    if (other === manifest.name) refuse(manifest, pointer, 'an extension may always change its own fields', 'Remove its own name from overrides.');
  }
}

function isDriverKind(kind: string): kind is DriverKind {
  return (DRIVER_KINDS as readonly string[]).includes(kind);
}

function refuse(manifest: Manifest, pointer: string, message: string, hint: string): never {
  throw new TenonError('validation_failed', message, { extension: manifest.name, pointer, hint });
}

function withExtension(extension: string, check: () => void): void {
  try {
    check();
  } catch (thrown) {
    throw thrown instanceof TenonError ? thrown.within({ extension }) : thrown;
  }
}

function count(number: number, one: string, many = `${one}s`): string | null {
  return number === 0 ? null : `${number} ${number === 1 ? one : many}`;
}

function firstDifference(left: unknown, right: unknown, at: string): string | null {
  if (Object.is(left, right)) return null;
  if (typeof left !== 'object' || left === null || typeof right !== 'object' || right === null || Array.isArray(left) !== Array.isArray(right)) return at;
  const [from, to] = [Object.entries(left), new Map(Object.entries(right))];
  for (const [key, value] of from) {
    if (!to.has(key)) return at + pointerTo(key);
    const found = firstDifference(value, to.get(key), at + pointerTo(key));
    if (found !== null) return found;
    to.delete(key);
  }
  const extra = to.keys().next();
  return extra.done ? null : at + pointerTo(extra.value);
}
