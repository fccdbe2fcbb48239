import { RE2JS } from 're2js';
import { TenonError } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { isForbiddenKey } from '../plan/pointer.ts';
import { pointerTo, quoted } from './wording.ts';

/**
 * Config schemas come from outside and are not trusted. Their size, depth and patterns are bounded, and they refer only to themselves:
 * not in circles, and to a bounded number of parts once written out. Their patterns run on an engine whose time is linear in the text;
 * what that engine cannot do (lookahead, lookbehind, back-references) is refused when the schema is registered.
 */
export const SCHEMA_BOUNDS = {
  bytes: 65_536,
  depth: 32,
  patternLength: 1_000,
  patternProgram: 5_000,
  expansion: 20_000,
  configBytes: 65_536,
  configDepth: 32,
} as const;
const DRAFT = 'https://json-schema.org/draft/2020-12/schema';
/** Keywords that reach outside the schema, make validation asynchronous, or resolve differently by where they are reached from. */
const REFUSED_KEYWORDS = ['$id', '$anchor', '$dynamicRef', '$dynamicAnchor', '$recursiveRef', '$recursiveAnchor', '$vocabulary', '$async', '$data'];
/** `#` or `#/...`; percent signs would need decoding, and names can do without. */
const LOCAL_REF = /^#(\/[^%]*)?$/;
/** Keywords whose value is data, not a schema: nothing in there is judged as one. */
const DATA_KEYWORDS = ['const', 'enum', 'default', 'examples'];
/** Keywords that map names to schemas: the names are not keywords. */
const NAME_MAPS = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependentRequired'];

/** A pattern's test, in time linear in the text. Throws where the pattern cannot run so. */
export function linearPattern(pattern: string): (text: string) => boolean {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
  // Linear in the text, times the size of the program that repeat counts make of the pattern.
  if (compiled.programSize() > SCHEMA_BOUNDS.patternProgram) throw new Error('its repeat counts make it too large');
  return (text) => compiled.test(text);
}

/** Why a schema is not accepted, with the pointer of the place inside it; null where nothing speaks against it. */
export function refuseSchema(schema: JsonObject): TenonError | null {
  const fault = (pointer: string, message: string, hint: string) => new TenonError('validation_failed', message, { pointer, hint });
  const visit = (part: unknown, pointer: string, depth: number, as: Reading): TenonError | null => {
    if (depth > SCHEMA_BOUNDS.depth)
      return fault('', `the config schema is nested deeper than ${SCHEMA_BOUNDS.depth} levels`, 'Flatten it; move parts to $defs.');
    const below = readingBelow(as);
    if (Array.isArray(part)) return firstOf(part.entries(), ([index, item]) => visit(item, pointer + pointerTo(index), depth + 1, below));
    if (!isObject(part)) return null;
    return firstOf(Object.entries(part), ([key, value]) => {
      const here = pointer + pointerTo(key);
      if (isForbiddenKey(key)) return fault(here, `the config schema has a key ${quoted(key)}, which is never accepted`, 'Rename it.');
      return (as === 'schema' ? judgeKeyword(key, value, here, fault) : null) ?? visit(value, here, depth + 1, readingOf(key, as));
    });
  };
  const found = visit(schema, '', 1, 'schema');
  if (found) return found;
  // After the depth: serialising is recursive.
  const bytes = Buffer.byteLength(JSON.stringify(schema));
  if (bytes > SCHEMA_BOUNDS.bytes) return fault('', `the config schema has ${bytes} bytes, more than ${SCHEMA_BOUNDS.bytes}`, 'Make it smaller.');
  return refuseExpansion(schema, fault);
}

/**
 * References that multiply (each level naming the next one twice) and references in circles (which do so with the depth of the config) make
 * a short schema take hours to judge by.
 */
function refuseExpansion(schema: JsonObject, fault: Fault): TenonError | null {
  const sizes = new Map<object, number>();
  const open = new Set<object>();
  let circle: string | null = null;
  const sizeOf = (part: Json | undefined, as: Reading): number => {
    if (typeof part !== 'object' || part === null || as === 'data') return 1;
    const known = sizes.get(part);
    if (known !== undefined) return known;
    open.add(part);
    let size = 1;
    for (const [key, value] of Object.entries(part)) size += sizeOf(value, Array.isArray(part) ? readingBelow(as) : readingOf(key, as));
    if (as === 'schema' && !Array.isArray(part) && typeof part.$ref === 'string') {
      const target = resolveLocal(schema, part.$ref);
      if (typeof target === 'object' && target !== null && open.has(target)) circle = part.$ref;
      else size += sizeOf(target, 'schema');
    }
    open.delete(part);
    sizes.set(part, size);
    return size;
  };
  const size = sizeOf(schema, 'schema');
  if (circle !== null) return fault('', `the config schema refers to itself in a circle, by ${quoted(circle)}`, 'Write the levels out that a config needs.');
  if (size <= SCHEMA_BOUNDS.expansion) return null;
  return fault('', `the config schema comes to more than ${SCHEMA_BOUNDS.expansion} parts with its references written out`, 'Refer to fewer parts.');
}

type Reading = 'schema' | 'names' | 'data';

function readingBelow(as: Reading): Reading {
  return as === 'names' ? 'schema' : as;
}

/** How what stands under a key is to be read: as a schema, as a map of names to schemas, or as data. */
function readingOf(key: string, as: Reading): Reading {
  if (as !== 'schema') return readingBelow(as);
  return DATA_KEYWORDS.includes(key) ? 'data' : NAME_MAPS.includes(key) ? 'names' : 'schema';
}

type Fault = (pointer: string, message: string, hint: string) => TenonError;

function judgeKeyword(key: string, value: unknown, pointer: string, fault: Fault): TenonError | null {
  if (REFUSED_KEYWORDS.includes(key))
    return fault(pointer, `the config schema uses ${key}, which is not accepted`, 'Refer to parts of the schema itself by "$ref": "#/$defs/…".');
  if (key === '$schema' && value !== DRAFT && value !== `${DRAFT}#`)
    return fault(pointer, `the config schema says it is ${quoted(value)}`, `Use ${DRAFT}, or leave $schema out.`);
  if (key === '$ref' && !(typeof value === 'string' && LOCAL_REF.test(value))) {
    return fault(
      pointer,
      `the config schema refers to ${quoted(value)}, which is no plain pointer into itself`,
      'Copy that schema into $defs and refer to "#/$defs/…".',
    );
  }
  if (key === 'pattern' && typeof value === 'string') return judgePattern(value, pointer, fault);
  if (key === 'patternProperties' && isObject(value))
    return firstOf(Object.keys(value), (pattern) => judgePattern(pattern, pointer + pointerTo(pattern), fault));
  return null;
}

function judgePattern(pattern: string, pointer: string, fault: Fault): TenonError | null {
  if (pattern.length > SCHEMA_BOUNDS.patternLength) {
    return fault(pointer, `a pattern of the config schema has ${pattern.length} characters, more than ${SCHEMA_BOUNDS.patternLength}`, 'Make it shorter.');
  }
  try {
    linearPattern(pattern);
    return null;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return fault(
      pointer,
      `pattern ${quoted(pattern)} cannot run in linear time: ${why}`,
      'Write it without lookahead, lookbehind, back-references and large repeat counts.',
    );
  }
}

/** The part of a value at a JSON Pointer, by own keys only. */
export function valueAt(value: Json, pointer: string): Json | undefined {
  let part: Json | undefined = value;
  for (const escaped of pointer.split('/').slice(1)) {
    const segment = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof part !== 'object' || part === null || !Object.hasOwn(part, segment)) return undefined;
    part = Array.isArray(part) ? part[Number(segment)] : part[segment];
  }
  return part;
}

/** What a schema's own reference names, where it is a pointer (`#/$defs/x`). */
export function resolveLocal(schema: JsonObject, ref: string): Json | undefined {
  return LOCAL_REF.test(ref) ? valueAt(schema, ref.slice(1)) : undefined;
}

function firstOf<T, R>(items: Iterable<T>, judge: (item: T) => R | null): R | null {
  for (const item of items) {
    const found = judge(item);
    if (found !== null) return found;
  }
  return null;
}
