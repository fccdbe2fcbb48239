import { ACTIVATION_MODES, isPhase, ROLES } from '@tenon/vocabulary';
import type { ActivationInput } from '../engine.ts';
import { TenonError } from '../errors.ts';
import type { Manifest } from '../extension.ts';
import { isForbiddenKey } from '../plan/pointer.ts';
import type { ActivationRow, ActivationScope, ExtensionRecord } from '../records.ts';
import { type DriverFacts, missingFor, notForDriver } from './capabilities.ts';
import { checkConfig, propertyNames } from './config-schema.ts';
import { refusesWarn } from './failure-policy.ts';
import { scopesOverlap, scopeText, specificity } from './scope.ts';
import { listed, pointerTo, quoted } from './wording.ts';

export interface ActivationContext {
  /** Null where there is no extension of that name. */
  readonly extension: ExtensionRecord | null;
  readonly others: readonly ActivationRow[];
  /** The id of the activation that is changed; null for a new one. */
  readonly selfId: string | null;
  readonly drivers: readonly DriverFacts[];
}

/**
 * Everything that saving an activation refuses; pointers are into its body. Answers the revision that it is pinned to (the latest where
 * none is named) and that revision's manifest.
 * @throws TenonError `not_found`, `validation_failed`, `activation_overlap`, `config_invalid`, `driver_unknown`,
 * `capability_missing`
 */
export function checkActivation(input: ActivationInput, context: ActivationContext): { readonly revision: string; readonly manifest: Manifest } {
  const { extension } = context;
  if (!extension) {
    throw new TenonError('not_found', `there is no extension ${quoted(input.extension)}`, {
      pointer: '/extension',
      hint: 'Register it first, or correct the name.',
    });
  }
  const revision = input.revision ?? extension.latest;
  const manifest = extension.revisions.find((known) => known.revision === revision)?.manifest;
  if (!manifest) {
    const known = listed(extension.revisions.map((each) => each.revision));
    return refuse(extension.name, '/revision', `extension ${extension.name} has no revision ${quoted(revision)}`, `Its revisions are ${known}.`);
  }
  checkShape(input);
  checkScope(input, context.drivers);
  checkRollout(input, manifest);
  checkGrant(input, manifest);
  checkPolicy(input, manifest);
  checkOverrides(input, manifest);
  checkSettable(input, manifest);
  checkConfig(manifest.configSchema, input.config, { extension: manifest.name, maySupply: input.requestSettable });
  checkOverlap(input, context);
  // An opt-out runs nothing, so it asks nothing of a driver.
  if (input.mode !== 'disabled') checkCapabilities(input.scope, manifest, context.drivers);
  return { revision, manifest };
}

function checkShape(input: ActivationInput): void {
  const no = (pointer: string, message: string, hint: string) => refuse(input.extension, pointer, message, hint);
  if (input.reason.trim() === '') no('/reason', 'every change needs a reason', 'Say why, in a line.');
  if (!ACTIVATION_MODES.includes(input.mode)) no('/mode', `mode is ${quoted(input.mode)}`, `Use one of ${ACTIVATION_MODES.join(', ')}.`);
  if (!Number.isSafeInteger(input.order))
    no('/order', `order is ${quoted(input.order)}, which is no whole number`, 'Use a whole number; 1000 is the default, lower runs first.');
}

function checkScope(input: ActivationInput, drivers: readonly DriverFacts[]): void {
  for (const part of ['drivers', 'workspaces'] as const) {
    const names = input.scope[part];
    if (names === null) continue;
    if (names.length === 0)
      refuse(input.extension, `/scope/${part}`, `scope.${part} is an empty list: the activation would apply nowhere`, `Name ${part}, or leave it out for all.`);
    checkNames(input.extension, names, `/scope/${part}`);
  }
  for (const [index, name] of (input.scope.drivers ?? []).entries()) {
    if (drivers.some((driver) => driver.name === name)) continue;
    throw new TenonError('driver_unknown', `there is no driver named ${quoted(name)}`, {
      extension: input.extension,
      pointer: `/scope/drivers/${index}`,
      hint: `Drivers here: ${listed(drivers.map((driver) => driver.name))}. A scope takes the names that requests use, not kinds.`,
    });
  }
}

function checkNames(extension: string, names: readonly string[], at: string): void {
  for (const [index, name] of names.entries()) {
    if (name.trim() === '') refuse(extension, `${at}/${index}`, 'a name is empty', 'Remove it, or write the name.');
    if (names.indexOf(name) !== index) refuse(extension, `${at}/${index}`, `${quoted(name)} stands there twice`, 'Remove one of them.');
  }
}

function checkRollout(input: ActivationInput, manifest: Manifest): void {
  const { percentage } = input;
  if (!Number.isInteger(percentage) || percentage < 0 || percentage > 100) {
    refuse(manifest.name, '/percentage', `percentage is ${quoted(percentage)}`, 'Use a whole number from 0 to 100.');
  }
  if (percentage === 100 || manifest.activation.mode === 'global') return;
  refuse(
    manifest.name,
    '/percentage',
    `percentage is ${percentage}, and extension ${manifest.name} runs on request only`,
    'Leave the percentage at 100; narrow the grant instead.',
  );
}

function checkGrant(input: ActivationInput, manifest: Manifest): void {
  const { grant } = input;
  if (grant === null) return;
  if (manifest.activation.mode === 'global') {
    refuse(
      manifest.name,
      '/grant',
      `extension ${manifest.name} is global: nobody asks for it, so nobody is granted it`,
      'Leave grant out; narrow the scope instead.',
    );
  }
  for (const part of ['workspaces', 'roles'] as const) {
    const names = grant[part];
    if (names === null) continue;
    if (names.length === 0) refuse(manifest.name, `/grant/${part}`, `grant.${part} is an empty list`, 'Leave it out for any; leave grant out for nobody.');
    checkNames(manifest.name, names, `/grant/${part}`);
  }
  const odd = grant.roles?.findIndex((role) => !ROLES.includes(role)) ?? -1;
  if (odd >= 0) refuse(manifest.name, `/grant/roles/${odd}`, `${quoted(grant.roles?.[odd])} is no role`, `Use ${ROLES.join(', ')}.`);
}

function checkPolicy(input: ActivationInput, manifest: Manifest): void {
  for (const [phase, effect] of Object.entries(input.failurePolicy)) {
    const pointer = pointerTo('failurePolicy', phase);
    const hook = isPhase(phase) ? manifest.hooks.find((each) => each.phase === phase) : undefined;
    if (!hook) {
      const hooked = listed(manifest.hooks.map((each) => each.phase));
      refuse(manifest.name, pointer, `extension ${manifest.name} has no hook for ${quoted(phase)}`, `Its hooks are ${hooked}.`);
    }
    if (!isEffect(effect)) refuse(manifest.name, pointer, `the policy of ${phase} is ${quoted(effect)}`, 'Use fail or warn.');
    const strict = effect === 'warn' ? refusesWarn(hook) : null;
    if (strict) refuse(manifest.name, pointer, `${phase} is set to warn: ${strict}`, 'Set it to fail, or leave it out.');
  }
}

function checkOverrides(input: ActivationInput, manifest: Manifest): void {
  for (const [index, { extension, path }] of input.overrides.entries()) {
    const at = `/overrides/${index}`;
    if (!manifest.overrides.includes(extension)) {
      const may = listed(manifest.overrides, 'no other');
      refuse(manifest.name, `${at}/extension`, `the manifest of ${manifest.name} does not ask to override ${quoted(extension)}`, `It may override ${may}.`);
    }
    if (isPlanPath(path)) continue;
    refuse(manifest.name, `${at}/path`, `${quoted(path)} is no path of a plan`, 'Write a JSON Pointer such as /labels/team; it covers everything below it.');
  }
}

function checkSettable(input: ActivationInput, manifest: Manifest): void {
  const known = propertyNames(manifest.configSchema);
  checkNames(manifest.name, input.requestSettable, '/requestSettable');
  for (const [index, key] of input.requestSettable.entries()) {
    if (known.includes(key)) continue;
    refuse(manifest.name, `/requestSettable/${index}`, `${quoted(key)} is no key of the config of ${manifest.name}`, `Its keys are ${listed(known)}.`);
  }
}

function checkOverlap(input: ActivationInput, { others, selfId }: ActivationContext): void {
  const rank = specificity(input.scope);
  const other = others.find(
    (row) => row.extension === input.extension && row.id !== selfId && specificity(row.scope) === rank && scopesOverlap(row.scope, input.scope),
  );
  if (!other) return;
  const state = other.mode === 'disabled' ? ', which is disabled,' : '';
  throw new TenonError(
    'activation_overlap',
    `activation ${other.id}${state} of ${input.extension} is as specific and overlaps: it applies to ${scopeText(other.scope)}, this one to ${scopeText(input.scope)}`,
    {
      extension: input.extension,
      pointer: '/scope',
      conflictsWith: other.id,
      hint: 'Change that activation instead, or make this scope narrower, wider or disjoint.',
    },
  );
}

function checkCapabilities(scope: ActivationScope, manifest: Manifest, drivers: readonly DriverFacts[]): void {
  const inScope = drivers.filter((driver) => scope.drivers?.includes(driver.name) ?? true);
  const judged = inScope.map((driver) => ({ driver, missing: missingFor(driver, driver.capabilities, manifest) }));
  const reasons = judged.flatMap(({ driver, missing }) =>
    missing.runs ? missing.refused.map(({ reason, neededBy }) => `${reason} (needed by ${neededBy})`) : [`${driver.name} is ${notForDriver(manifest, driver)}`],
  );
  const fail = (message: string) => {
    const remedy = judged.flatMap(({ missing }) => missing.refused).find((need) => need.remedy !== null)?.remedy;
    throw new TenonError('capability_missing', `${message}: ${listed([...new Set(reasons)], 'no driver is there')}`, {
      extension: manifest.name,
      pointer: scope.drivers ? '/scope/drivers' : '/scope',
      hint: remedy ?? 'Choose drivers of the kinds that the extension is for.',
    });
  };
  const lacking = scope.drivers ? judged.filter(({ missing }) => missing.refused.length > 0) : [];
  if (lacking.length > 0) fail(`extension ${manifest.name} cannot run on ${listed(lacking.map(({ driver }) => driver.name))}`);
  if (!judged.some(({ missing }) => missing.runs && missing.refused.length === 0)) fail(`no driver in scope can run extension ${manifest.name}`);
}

function isEffect(effect: unknown): effect is 'fail' | 'warn' {
  return effect === 'fail' || effect === 'warn';
}

function isPlanPath(path: string): boolean {
  if (!/^(\/([^~/]|~[01])*)+$/.test(path) || path === '/') return false;
  return !path.split('/').some((segment) => isForbiddenKey(segment));
}

function refuse(extension: string, pointer: string, message: string, hint: string): never {
  throw new TenonError('validation_failed', message, { extension, pointer, hint });
}
