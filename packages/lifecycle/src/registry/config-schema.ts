import { createHash } from 'node:crypto';
import { Ajv2020, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { TenonError } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { isForbiddenKey } from '../plan/pointer.ts';
import { linearPattern, refuseSchema, resolveLocal, SCHEMA_BOUNDS, valueAt } from './untrusted-schema.ts';
import { pointerTo, quoted } from './wording.ts';

const CACHED = 200;

type Compiled = { readonly validate: ValidateFunction } | { readonly fault: TenonError };
const byDigest = new Map<string, Compiled>();
const bySchema = new WeakMap<JsonObject, Compiled>();

export interface ConfigCheck {
  /** Pointer of the config in the body, `/config` unless said otherwise. */
  readonly at?: string;
  readonly extension?: string;
  /** Top-level keys that may be absent although the schema requires them: a request will bring them. */
  readonly maySupply?: readonly string[];
}

/**
 * Refuses a schema that is broken or that could harm (`validation_failed`, pointer below `at`).
 */
export function checkSchema(schema: JsonObject, at = '/manifest/configSchema'): void {
  const compiled = compile(schema);
  if ('fault' in compiled) throw relocated(compiled.fault, at);
}

/**
 * Judges a config by its extension's schema. Without a schema, only the empty config fits. `format` is asserted where it is a known one,
 * else it is a note.
 * @throws TenonError `config_invalid` with the pointer of the first fault; the message names every fault up to five.
 */
export function checkConfig(schema: JsonObject | null, config: JsonObject, check: ConfigCheck = {}): void {
  const { at = '/config', extension, maySupply = [] } = check;
  const where = extension === undefined ? {} : { extension };
  const whose = extension === undefined ? 'the extension' : `extension ${extension}`;
  refuseUnfit(config, at, where);
  if (schema === null) {
    const key = Object.keys(config)[0];
    if (key === undefined) return;
    throw new TenonError('config_invalid', `${whose} takes no config, and ${quoted(key)} is set`, {
      ...where,
      pointer: at + pointerTo(key),
      hint: 'Leave the config empty.',
    });
  }
  const compiled = compile(schema);
  if ('fault' in compiled)
    throw new TenonError('config_invalid', `the config schema of ${whose} is unusable: ${compiled.fault.message}`, { ...where, pointer: at });
  if (compiled.validate(config)) return;
  const faults = (compiled.validate.errors ?? []).filter((error) => !isSupplied(error, maySupply));
  const first = faults[0];
  if (!first) return;
  const lines = faults.slice(0, 5).map((error) => describe(error, config, at));
  const more = faults.length > 5 ? ` (and ${faults.length - 5} more)` : '';
  throw new TenonError('config_invalid', `${lines.map(({ message }) => message).join('; ')}${more}`, {
    ...where,
    pointer: lines[0]?.pointer ?? at,
    hint: lines[0]?.hint ?? 'Change the config to fit the schema.',
  });
}

/** Names of the config's top-level properties, wherever the schema declares them (also behind its own references and combinations). */
export function propertyNames(schema: JsonObject | null): readonly string[] {
  const names = new Set<string>();
  const seen = new Set<unknown>();
  const visit = (part: Json | undefined): void => {
    if (!isSchema(part) || seen.has(part)) return;
    seen.add(part);
    if (isSchema(part.properties)) for (const name of Object.keys(part.properties)) names.add(name);
    for (const list of [part.allOf, part.anyOf, part.oneOf]) if (Array.isArray(list)) list.forEach(visit);
    for (const branch of [part.if, part.then, part.else]) visit(branch);
    if (typeof part.$ref === 'string' && schema !== null) visit(resolveLocal(schema, part.$ref));
  };
  visit(schema ?? undefined);
  return [...names];
}

function compile(schema: JsonObject): Compiled {
  const known = bySchema.get(schema);
  if (known) return known;
  // A schema in memory is frozen by habit, not by force: its text decides, the object only spares making the text twice.
  const fault = refuseSchema(schema);
  if (fault) return { fault };
  const digest = createHash('sha256').update(JSON.stringify(schema)).digest('hex');
  const compiled = byDigest.get(digest) ?? compileNew(schema);
  byDigest.delete(digest);
  byDigest.set(digest, compiled);
  const oldest = byDigest.keys().next();
  if (byDigest.size > CACHED && !oldest.done) byDigest.delete(oldest.value);
  if (Object.isFrozen(schema)) bySchema.set(schema, compiled);
  return compiled;
}

/** Making one costs tens of milliseconds, for it compiles the meta-schema first: schemas with formats that it knows share one. */
let shared: Ajv2020 | null = null;

function ajvFor(schema: JsonObject): Ajv2020 {
  const unknown = unknownFormats(schema);
  if (Object.keys(unknown).length > 0) return newAjv({ ...fullFormats, ...unknown });
  shared ??= newAjv(fullFormats);
  return shared;
}

function newAjv(formats: NonNullable<Options['formats']>): Ajv2020 {
  return new Ajv2020({
    allErrors: true,
    strict: true,
    // Both are matters of style, and common in generated schemas.
    strictTypes: false,
    strictRequired: false,
    strictTuples: false,
    logger: false,
    verbose: false,
    addUsedSchema: false,
    formats,
    code: { regExp: linearEngine },
  });
}

function compileNew(schema: JsonObject): Compiled {
  const ajv = ajvFor(schema);
  try {
    return { validate: ajv.compile(schema) };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return {
      fault: new TenonError(
        'validation_failed',
        `the config schema is no valid JSON Schema (draft 2020-12): ${message}`,
        { hint: 'Correct the schema.' },
        thrown,
      ),
    };
  } finally {
    // The compiled function is what is kept; an instance that lives on must not keep every schema that was ever tried.
    ajv.removeSchema(schema);
  }
}

/** Ajv's door for another expression engine: linear time, so that no pattern and no text together can stop the product. It tells patterns apart by `toString`. */
const linearEngine = Object.assign((pattern: string) => ({ test: linearPattern(pattern), toString: () => pattern }), { code: 'linearPattern' });

function unknownFormats(schema: JsonObject): Record<string, true> {
  const formats: Record<string, true> = {};
  const visit = (part: unknown): void => {
    if (Array.isArray(part)) part.forEach(visit);
    else if (isObject(part)) {
      if (typeof part.format === 'string' && !Object.hasOwn(fullFormats, part.format)) formats[part.format] = true;
      Object.values(part).forEach(visit);
    }
  };
  visit(schema);
  return formats;
}

function refuseUnfit(config: JsonObject, at: string, where: { readonly extension?: string }): void {
  const visit = (part: Json, pointer: string, depth: number): void => {
    if (typeof part !== 'object' || part === null) return;
    if (depth > SCHEMA_BOUNDS.configDepth) {
      throw new TenonError('config_invalid', `the config is nested deeper than ${SCHEMA_BOUNDS.configDepth} levels`, {
        ...where,
        pointer: at,
        hint: 'Flatten it.',
      });
    }
    for (const [key, value] of Object.entries(part)) {
      if (isForbiddenKey(key)) {
        throw new TenonError('config_invalid', `the config has a key ${quoted(key)}, which is never accepted`, {
          ...where,
          pointer: pointer + pointerTo(key),
          hint: 'Rename it.',
        });
      }
      visit(value, pointer + pointerTo(key), depth + 1);
    }
  };
  visit(config, at, 1);
  const bytes = Buffer.byteLength(JSON.stringify(config));
  if (bytes > SCHEMA_BOUNDS.configBytes) {
    throw new TenonError('config_invalid', `the config has ${bytes} bytes, more than ${SCHEMA_BOUNDS.configBytes}`, {
      ...where,
      pointer: at,
      hint: 'Make it smaller.',
    });
  }
}

function describe(error: ErrorObject, config: JsonObject, at: string): { pointer: string; message: string; hint: string } {
  const base = at + error.instancePath;
  const value = valueAt(config, error.instancePath);
  const params: Record<string, unknown> = error.params;
  const name = base.slice(at.length + 1) || 'the config';
  switch (error.keyword) {
    case 'required':
      return {
        pointer: base + pointerTo(String(params.missingProperty)),
        message: `${quoted(params.missingProperty)} is missing`,
        hint: `Set ${quoted(params.missingProperty)}.`,
      };
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params.additionalProperty ?? params.unevaluatedProperty);
      return { pointer: base + pointerTo(key), message: `${quoted(key)} is no key of this config`, hint: `Remove ${quoted(key)}.` };
    }
    case 'enum':
      return { pointer: base, message: `${name} is ${quoted(value)}, which is not one of ${quoted(params.allowedValues)}`, hint: 'Use one of the values.' };
    default:
      return { pointer: base, message: `${name} is ${quoted(value)}: it ${error.message ?? `breaks ${error.keyword}`}`, hint: `Change ${name}.` };
  }
}

function isSupplied(error: ErrorObject, maySupply: readonly string[]): boolean {
  const params: Record<string, unknown> = error.params;
  return error.keyword === 'required' && error.instancePath === '' && maySupply.includes(String(params.missingProperty));
}

function isSchema(part: Json | undefined): part is JsonObject {
  return isObject(part);
}

function relocated(fault: TenonError, at: string): TenonError {
  return new TenonError(fault.code, fault.message, { ...fault.context, pointer: at + (fault.context.pointer ?? '') }, fault.cause);
}
