import { TenonError } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { type ByteBudget, byteBudget, checkKey, checkText, copyAt, dataOf, isPlain, type JsonLimits } from './json-guard.ts';
import { elementKey, equalJson, isLeafObject, listRuleAt } from './keyed.ts';
import type { Change, ListRule, PlanSchema } from './plan.ts';
import { formatPointer } from './pointer.ts';

/**
 * The keyed changes that lead from one plan to another. What both share by reference is not looked at, so the cost follows what a hook
 * touched. Every `after` is a copy of its own. Throws `patch_invalid` or `patch_too_large` where the new value cannot stand in a plan.
 */
export function diffPlan(before: Json, after: unknown, schema: PlanSchema, limits: JsonLimits = {}): readonly Change[] {
  return comparePlans(before, after, schema, limits).changes;
}

/**
 * The same, and whether a keyed list was among what was touched: its order in `after` need not be the one that the changes lead to.
 * `sound`: `after` holds JSON only, as what a draft ended in does; then hidden and symbol keys need not be looked for.
 */
export function comparePlans(
  before: Json,
  after: unknown,
  schema: PlanSchema,
  limits: JsonLimits = {},
  sound = false,
): { changes: readonly Change[]; lists: boolean } {
  const differ: Differ = { schema, limits, sound, budget: byteBudget(limits), changes: [], lists: false };
  compare(differ, before, after, []);
  return differ;
}

/** Compares any two stored revisions of a plan. */
export function diffStored(a: Json, b: Json, schema: PlanSchema): readonly Change[] {
  return diffPlan(a, b, schema);
}

interface Differ {
  readonly schema: PlanSchema;
  readonly limits: JsonLimits;
  readonly sound: boolean;
  readonly budget: ByteBudget;
  readonly changes: Change[];
  lists: boolean;
}

function compare(differ: Differ, before: Json, after: unknown, path: string[]): void {
  if (before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    const rule = listRuleAt(differ.schema, path);
    differ.lists = true;
    if (rule !== null) compareKeyed(differ, before, after, rule, path);
    else compareLeaf(differ, before, after, path);
  } else if (isObject(before) && isObject(after) && isPlain(after) && !isSecret(before) && !isSecret(after)) {
    compareObjects(differ, before, after, path);
  } else {
    compareLeaf(differ, before, after, path);
  }
}

function compareLeaf(differ: Differ, before: Json, after: unknown, path: string[]): void {
  const copy = copyAt(after, path, differ.limits, differ.budget);
  if (equalJson(before, copy)) return;
  checkElements(differ, copy, path);
  differ.changes.push({ op: 'replace', path: formatPointer(path), before, after: copy });
}

function compareObjects(differ: Differ, before: JsonObject, after: { [key: string]: unknown }, path: string[]): void {
  const keys = Object.keys(before);
  const present = differ.sound ? Object.keys(after) : Reflect.ownKeys(after);
  let kept = 0;
  for (let i = 0; i < present.length; i += 1) {
    const key = present[i];
    // Mostly the members stand in the same places and are the same.
    if (typeof key === 'string' && key === keys[i] && before[key] === after[key]) kept += 1;
    else if (typeof key === 'symbol') copyAt(after, path, differ.limits, differ.budget);
    else if (key !== undefined && compareMember(differ, before, after, key, path)) kept += 1;
  }
  if (kept === keys.length) return;
  for (const key of keys) {
    const old = before[key];
    if (old !== undefined && !Object.hasOwn(after, key)) {
      differ.changes.push({ op: 'remove', path: formatPointer([...path, key]), before: old });
    }
  }
}

/** Answers whether the member stood before. */
function compareMember(differ: Differ, before: JsonObject, after: { [key: string]: unknown }, key: string, path: string[]): boolean {
  const old = Object.hasOwn(before, key) ? before[key] : undefined;
  if (old !== undefined && old === after[key]) return true;
  checkKey(key, path);
  path.push(key);
  const value = dataOf(after, key, path);
  if (old === undefined) {
    checkText(key, path, differ.budget);
    addValue(differ, copyAt(value, path, differ.limits, differ.budget), path);
  } else {
    compare(differ, old, value, path);
  }
  path.pop();
  return old !== undefined;
}

/** An added subtree is one change a leaf and a keyed element: each has an owner of its own. */
function addValue(differ: Differ, value: Json, path: string[]): void {
  if (Array.isArray(value)) {
    const rule = listRuleAt(differ.schema, path);
    if (rule !== null && value.length > 0) {
      addElements(differ, [...keysOf(value, rule, path).entries()], rule, path);
      return;
    }
  } else if (isObject(value) && !isLeafObject(value)) {
    for (const key of Object.keys(value)) {
      const member = value[key];
      path.push(key);
      if (member !== undefined) addValue(differ, member, path);
      path.pop();
    }
    return;
  }
  differ.changes.push({ op: 'add', path: formatPointer(path), after: value });
}

/** Adds keyed elements; those of an ordered list from the end on, so that the one each stands before is there already. */
function addElements(differ: Differ, elements: [string, Json][], rule: ListRule, list: readonly string[]): void {
  if (!rule.ordered) {
    for (const [key, after] of elements) {
      checkElements(differ, after, [...list, key]);
      differ.changes.push({ op: 'add', path: formatPointer([...list, key]), after });
    }
    return;
  }
  let beforeKey: string | null = null;
  for (const [key, after] of elements.reverse()) {
    checkElements(differ, after, [...list, key]);
    differ.changes.push({ op: 'add', path: formatPointer([...list, key]), after, beforeKey });
    beforeKey = key;
  }
}

/** Keyed lists inside a value that is changed as a whole must be sound as well. */
function checkElements(differ: Differ, value: Json, path: readonly string[]): void {
  if (Array.isArray(value)) {
    const rule = listRuleAt(differ.schema, path);
    if (rule === null) return;
    for (const [key, element] of keysOf(value, rule, path)) checkElements(differ, element, [...path, key]);
  } else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      const member = value[key];
      if (typeof member === 'object' && member !== null) checkElements(differ, member, [...path, key]);
    }
  }
}

function keysOf<T>(list: readonly T[], rule: ListRule, path: readonly string[]): Map<string, T> {
  const keys = new Map<string, T>();
  for (const element of list) {
    const key = elementKey(element, rule, path);
    if (keys.has(key)) throw duplicate(key, path);
    keys.set(key, element);
  }
  return keys;
}

function compareKeyed(differ: Differ, before: readonly Json[], after: readonly unknown[], rule: ListRule, path: string[]): void {
  // What both lists share by reference at their head and tail is not keyed at all.
  const shared = Math.min(before.length, after.length);
  let head = 0;
  while (head < shared && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < shared - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  if (head + tail === before.length && head + tail === after.length) return;

  const middle = after.slice(head, after.length - tail);
  for (let i = 0; i < middle.length; i += 1) {
    // A set's key is the element itself: it must be JSON before it can be one. A hole reads as undefined and is refused.
    if (rule.key === 'set' || !isObject(middle[i])) middle[i] = copyAt(middle[i], [...path, String(head + i)], differ.limits, differ.budget);
  }
  const was = keysOf(before.slice(head, before.length - tail), rule, path);
  const is = keysOf(middle, rule, path);

  const fresh = [...is.keys()].filter((key) => !was.has(key));
  if (fresh.length > 0 && head + tail > 0) {
    const wanted = new Set(fresh);
    for (let i = 0; i < before.length; i += 1) {
      if (i === head) i = before.length - tail;
      const element = before[i];
      if (element === undefined) break;
      const key = elementKey(element, rule, path);
      if (wanted.has(key)) throw duplicate(key, path);
    }
  }

  const moved = rule.ordered ? movedKeys(was, is) : new Set<string>();
  for (const [key, element] of was) {
    if (!is.has(key) || moved.has(key)) differ.changes.push({ op: 'remove', path: formatPointer([...path, key]), before: element });
  }
  for (const [key, element] of is) {
    const old = was.get(key);
    if (old === undefined || moved.has(key)) continue;
    path.push(key);
    if (sameKeyFields(old, element, rule)) compare(differ, old, element, path);
    else compareLeaf(differ, old, element, path);
    path.pop();
  }

  const added: [string, Json][] = [];
  const last = tail === 0 ? undefined : before[before.length - tail];
  let next: string | null = last === undefined ? null : elementKey(last, rule, path);
  const keys = [...is.entries()];
  for (const [key, element] of rule.ordered ? keys.reverse() : keys) {
    if (was.has(key) && !moved.has(key)) {
      next = key;
      continue;
    }
    const copy = copyAt(element, [...path, key], differ.limits, differ.budget);
    if (rule.ordered) {
      checkElements(differ, copy, [...path, key]);
      differ.changes.push({ op: 'add', path: formatPointer([...path, key]), after: copy, beforeKey: next });
      next = key;
    } else {
      added.push([key, copy]);
    }
  }
  addElements(differ, added, rule, path);
}

/** Elements of an ordered list that do not keep their place: all but a longest run of survivors that is still in order. */
function movedKeys(was: ReadonlyMap<string, Json>, is: ReadonlyMap<string, unknown>): Set<string> {
  const place = new Map([...was.keys()].map((key, i) => [key, i] as const));
  const survivors = [...is.keys()].filter((key) => place.has(key));
  const at = survivors.map((key) => place.get(key) ?? 0);
  // Patience sorting: ends[n] is the index of the smallest end of an increasing run of length n + 1.
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [i, value] of at.entries()) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((at[ends[middle] ?? 0] ?? 0) < value) low = middle + 1;
      else high = middle;
    }
    previous[i] = low === 0 ? -1 : (ends[low - 1] ?? -1);
    ends[low] = i;
  }
  const stay = new Set<string>();
  for (let i = ends.at(-1) ?? -1; i >= 0; i = previous[i] ?? -1) stay.add(survivors[i] ?? '');
  return new Set(survivors.filter((key) => !stay.has(key)));
}

/** Key fields that read alike but differ (1 and "1") make another element, not an edit of this one. */
function sameKeyFields(old: Json, element: unknown, rule: ListRule): boolean {
  if (rule.key === 'set') return true;
  return isObject(old) && isObject(element) && rule.key.every((field) => old[field] === element[field]);
}

function isSecret(value: { [key: string]: unknown }): boolean {
  return Object.hasOwn(value, '$secret');
}

function duplicate(key: string, list: readonly string[]): TenonError {
  return new TenonError('patch_invalid', `Two elements of ${formatPointer(list)} have the key ${JSON.stringify(key)}`, {
    path: formatPointer([...list, key]),
    hint: 'Change the element that is there, or give the new one another key.',
  });
}
