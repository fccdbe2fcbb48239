import { TenonError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { compareText } from './compare-text.ts';
import { listed, pointerTo, quoted } from './wording.ts';

declare const owner: unique symbol;
/** A wrapper's own config. Not a base's, not an extension's: the brand keeps one from being passed as another. */
export type WrapperConfig = JsonObject & { readonly [owner]: 'wrapper' };
/** A base driver's config, as far as every wrapper around it lets it through. */
export type BaseConfig = JsonObject & { readonly [owner]: 'base' };
/** What a request may set of an extension's config; the rest of it comes from the activation. */
export type ExtensionConfig = JsonObject & { readonly [owner]: 'extension' };

/** What a wrapper's operator lets through to what it wraps: nothing, these top-level keys, or everything. */
export type Forwarding = 'none' | 'all' | readonly string[];

/** A member of a driver's chain as the owner of a config block. The last one is the base: it forwards to nobody. */
export interface ConfigOwner {
  readonly name: string;
  /** Null for the base. `keys`: what of its own config a request may set. */
  readonly wrapper: { readonly keys: readonly string[]; readonly forwards: Forwarding } | null;
}

export interface SplitConfig {
  readonly wrappers: ReadonlyMap<string, WrapperConfig>;
  readonly base: BaseConfig;
}

/** Where a wrapper keeps its base's config when only one block can arrive, as at the gateway door. */
const BASE_KEY = 'base';

/**
 * Splits a request's driver config, keyed by driver name, among the members of the chain (outermost wrapper to base).
 * @throws TenonError `unowned_config_block` for a name outside the chain, a key that a wrapper does not take, and whatever a wrapper does not
 * forward: nothing is dropped in silence.
 */
export function splitDriverConfig(
  driverConfig: Readonly<Record<string, JsonObject>>,
  chain: readonly ConfigOwner[],
  at: readonly string[] = ['template', 'driverConfig'],
): SplitConfig {
  const names = chain.map(({ name }) => name);
  for (const name of Object.keys(driverConfig).sort(compareText)) {
    if (names.includes(name)) continue;
    throw unowned(
      `driver config ${quoted(name)} belongs to no driver of this sandbox`,
      [...at, name],
      `Drivers here: ${listed(names)}. Remove the block or correct its name.`,
    );
  }
  const wrappers = new Map<string, WrapperConfig>();
  let base = {} as BaseConfig;
  for (const [index, member] of chain.entries()) {
    const block = Object.hasOwn(driverConfig, member.name) ? (driverConfig[member.name] ?? {}) : {};
    refuseUnforwarded(member.name, block, chain.slice(0, index), at);
    if (member.wrapper === null) base = structuredClone(block) as BaseConfig;
    else wrappers.set(member.name, ownBlock(member.name, block, member.wrapper.keys, at));
  }
  return { wrappers, base };
}

/**
 * Turns the one inner block of the compute-driver protocol into the map keyed by driver name: each wrapper's base stands under its key `base`.
 * @throws TenonError `validation_failed` where `base` is no object
 */
export function keyedByDriver(block: JsonObject, chain: readonly ConfigOwner[]): Readonly<Record<string, JsonObject>> {
  const keyed: Record<string, JsonObject> = {};
  let inner = block;
  for (const [depth, member] of chain.entries()) {
    if (member.wrapper === null) {
      keyed[member.name] = inner;
      break;
    }
    const { [BASE_KEY]: next = {}, ...own } = inner;
    if (typeof next !== 'object' || next === null || Array.isArray(next)) {
      throw new TenonError('validation_failed', `the config of wrapper ${member.name} has ${quoted(next)} under "base", which must be an object`, {
        pointer: pointerTo('driver_config', ...Array<string>(depth + 1).fill(BASE_KEY)),
        hint: 'Put the config of the driver that it wraps there, or leave "base" out.',
      });
    }
    keyed[member.name] = own;
    inner = next;
  }
  return keyed;
}

/**
 * Refuses request config for an extension that does not run for this sandbox (`unowned_config_block`), with the reason where there is one.
 */
export function refuseUnownedExtensionConfig(
  extensionConfig: Readonly<Record<string, JsonObject>>,
  active: readonly string[],
  reasons: ReadonlyMap<string, string> = new Map(),
): void {
  for (const name of Object.keys(extensionConfig).sort(compareText)) {
    if (active.includes(name)) continue;
    const reason = reasons.get(name);
    throw unowned(
      `extension config ${quoted(name)} belongs to no extension that runs for this sandbox${reason === undefined ? '' : `: ${reason}`}`,
      ['extensionConfig', name],
      `Remove the block, or ask for the extension. Running: ${listed(active)}.`,
    );
  }
}

/** What a request may set of an extension's config, by the keys that its activation names settable; judged already by `decideActivation`. */
export function extensionConfigOf(requestConfig: JsonObject): ExtensionConfig {
  return structuredClone(requestConfig) as ExtensionConfig;
}

function ownBlock(name: string, block: JsonObject, keys: readonly string[], at: readonly string[]): WrapperConfig {
  const unknown = Object.keys(block).find((key) => !keys.includes(key));
  if (unknown === undefined) return structuredClone(block) as WrapperConfig;
  throw unowned(
    `wrapper ${name} takes no config key ${quoted(unknown)}`,
    [...at, name, unknown],
    `Its keys are ${listed(keys)}. Config of what it wraps stands under that driver's own name.`,
  );
}

function refuseUnforwarded(name: string, block: JsonObject, around: readonly ConfigOwner[], at: readonly string[]): void {
  for (const key of Object.keys(block)) {
    const stop = around.find(
      ({ wrapper }) => wrapper !== null && wrapper.forwards !== 'all' && (wrapper.forwards === 'none' || !wrapper.forwards.includes(key)),
    );
    if (!stop?.wrapper) continue;
    const lets = typeof stop.wrapper.forwards === 'string' ? 'nothing' : listed(stop.wrapper.forwards, 'nothing');
    throw unowned(
      `wrapper ${stop.name} does not forward ${quoted(key)} to ${name}`,
      [...at, name, key],
      `It forwards ${lets}. Remove the key, or have an operator let it through.`,
    );
  }
}

function unowned(message: string, at: readonly string[], hint: string): TenonError {
  return new TenonError('unowned_config_block', message, { pointer: pointerTo(...at), hint });
}
