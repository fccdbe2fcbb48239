import { TenonError } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { canonicalJson } from './digest.ts';
import type { ListRule, MutationPoint, PlanSchema } from './plan.ts';
import { coversPath, formatPointer, isForbiddenKey, parsePointer } from './pointer.ts';

/** Paths through a plan in which the segment after a keyed list is the element's key. */

interface ReadSchema {
  readonly lists: readonly { readonly segments: readonly string[]; readonly rule: ListRule }[];
  readonly points: readonly { readonly segments: readonly string[]; readonly point: MutationPoint }[];
  readonly reserved: readonly (readonly string[])[];
  readonly secrets: readonly (readonly string[])[];
}

const READ = new WeakMap<PlanSchema, ReadSchema>();

/** The schema with its patterns parsed, once per schema. */
export function readSchema(schema: PlanSchema): ReadSchema {
  let read = READ.get(schema);
  if (read === undefined) {
    read = {
      lists: schema.lists.map((rule) => ({ segments: parsePointer(rule.path), rule })),
      points: schema.points.map((point) => ({ segments: parsePointer(point.path), point })),
      reserved: schema.reserved.map(parsePointer),
      secrets: schema.secrets.map(parsePointer),
    };
    READ.set(schema, read);
  }
  return read;
}

/** The rule of the list that stands at `path`, or null: then the list is a leaf. */
export function listRuleAt(schema: PlanSchema, path: readonly string[]): ListRule | null {
  for (const { segments, rule } of readSchema(schema).lists) {
    if (segments.length === path.length && coversPath(segments, path)) return rule;
  }
  return null;
}

/** The key of a list's element. Throws `patch_invalid` where a key field is missing or cannot be one. */
export function elementKey(element: unknown, rule: ListRule, list: readonly string[]): string {
  if (rule.key === 'set') return checkedKey(canonicalJson(element), list);
  if (!isObject(element)) {
    throw new TenonError('patch_invalid', `An element of ${formatPointer(list)} is no object, so it has no key (${rule.key.join(', ')})`, {
      path: formatPointer(list),
      hint: `Give every element of this list the field${rule.key.length === 1 ? '' : 's'} ${rule.key.join(', ')}.`,
    });
  }
  const [only] = rule.key;
  if (rule.key.length === 1 && only !== undefined) return checkedKey(keyField(element, only, list), list);
  return checkedKey(rule.key.map((field) => keyField(element, field, list)).join(','), list);
}

function keyField(element: { [key: string]: unknown }, field: string, list: readonly string[]): string {
  const value = Object.hasOwn(element, field) ? element[field] : undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TenonError('patch_invalid', `An element of ${formatPointer(list)} lacks its key field ${JSON.stringify(field)}`, {
    path: formatPointer(list),
    hint: `Give the element a text or number as ${JSON.stringify(field)}: elements of this list are known by it.`,
  });
}

function checkedKey(key: string, list: readonly string[]): string {
  if (!isForbiddenKey(key)) return key;
  throw new TenonError('patch_invalid', `${JSON.stringify(key)} cannot be the key of an element of ${formatPointer(list)}: it never resolves`, {
    path: formatPointer(list),
    hint: 'Choose another key.',
  });
}

/** The value at a keyed path; `undefined` where nothing stands there. `root` is what stands at the first `from` segments. */
export function valueAt(root: Json, path: readonly string[], schema: PlanSchema, from = 0): Json | undefined {
  let value: Json | undefined = root;
  for (let depth = from; depth < path.length; depth += 1) {
    if (value === undefined) return undefined;
    value = childOf(value, path, depth, schema);
  }
  return value;
}

function childOf(value: Json, path: readonly string[], depth: number, schema: PlanSchema): Json | undefined {
  const segment = path[depth] ?? '';
  if (isForbiddenKey(segment)) return undefined;
  if (!Array.isArray(value)) return isObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
  const list = path.slice(0, depth);
  const rule = listRuleAt(schema, list);
  if (rule === null) return /^(0|[1-9]\d*)$/.test(segment) ? value[Number(segment)] : undefined;
  return value.find((element) => elementKey(element, rule, list) === segment);
}

/** An object is a leaf where it is empty or stands for a secret. */
export function isLeafObject(value: JsonObject): boolean {
  if (Object.hasOwn(value, '$secret')) return true;
  for (const _ in value) return false;
  return true;
}

/** Deep equality of JSON values, key order apart. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((element, i) => equalJson(element, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equalJson(a[key], b[key]));
}
