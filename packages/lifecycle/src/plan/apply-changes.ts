import { TenonError } from '../errors.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';
import { elementKey, listRuleAt } from './keyed.ts';
import type { Change, ListRule, PlanSchema } from './plan.ts';
import { isForbiddenKey, parsePointer } from './pointer.ts';

/**
 * The plan after `changes`; shares with `value` whatever they do not touch. Missing parents are made. Throws `patch_invalid` where a
 * change does not fit: something to remove or replace is not there, something to add is.
 */
export function applyChanges(value: Json, changes: readonly Change[], schema: PlanSchema): Json {
  const work: Work = { schema, own: new Map(), root: value };
  for (const change of changes) applyOne(work, change);
  for (const list of work.own.values()) list?.compact();
  return work.root;
}

interface Work {
  readonly schema: PlanSchema;
  /** Containers that are copies of this application already, keyed lists with their index. */
  readonly own: Map<object, KeyedList | null>;
  root: Json;
}

function applyOne(work: Work, change: Change): void {
  const path = parsePointer(change.path);
  const key = path.at(-1);
  if (key === undefined) {
    if (change.op === 'remove' || change.after === undefined) throw misfit(change, 'the plan as a whole can only be replaced');
    work.root = change.after;
    return;
  }
  const parent = parentOf(work, path, change);
  if (parent instanceof KeyedList) applyToList(parent, key, change);
  else applyToObject(parent, key, change);
}

function applyToObject(parent: JsonObject, key: string, change: Change): void {
  const stands = Object.hasOwn(parent, key);
  if (change.op === 'remove') {
    if (!stands) throw misfit(change, 'nothing stands there to remove');
    delete parent[key];
    return;
  }
  if (change.after === undefined) throw misfit(change, `${change.op} carries no value`);
  if (stands !== (change.op === 'replace')) throw misfit(change, stands ? 'something stands there already' : 'nothing stands there to replace');
  parent[key] = change.after;
}

function applyToList(list: KeyedList, key: string, change: Change): void {
  const index = list.find(key);
  if (change.op === 'remove') {
    if (index < 0) throw misfit(change, 'the list has no element of this key');
    list.remove(key, index);
    return;
  }
  if (change.after === undefined) throw misfit(change, `${change.op} carries no value`);
  if (change.op === 'replace') {
    if (index < 0) throw misfit(change, 'the list has no element of this key');
    list.set(index, change.after);
    return;
  }
  if (index >= 0) throw misfit(change, 'the list has an element of this key already');
  if (change.beforeKey === undefined || change.beforeKey === null) {
    list.append(key, change.after);
    return;
  }
  const place = list.find(change.beforeKey);
  if (place < 0) throw misfit(change, `the list has no element ${JSON.stringify(change.beforeKey)} before which it could stand`);
  list.insert(key, place, change.after);
}

/** The container in which a change happens, as a copy of our own all the way down. */
function parentOf(work: Work, path: readonly string[], change: Change): JsonObject | KeyedList {
  let parent: JsonObject | KeyedList | null = null;
  for (let depth = 0; depth < path.length; depth += 1) {
    const key = depth === 0 ? null : (path[depth - 1] ?? '');
    if (key !== null && isForbiddenKey(key)) throw misfit(change, `${JSON.stringify(key)} never resolves`);
    const value = stepInto(work, parent, key, path, depth, change);
    const own: Json = work.own.has(value) ? value : Array.isArray(value) ? [...value] : { ...value };
    if (own !== value) place(work, parent, key, own);
    parent = ownContainer(work, own, path, depth, change);
  }
  if (parent === null || isForbiddenKey(path.at(-1) ?? '')) throw misfit(change, 'this key never resolves');
  return parent;
}

function stepInto(
  work: Work,
  parent: JsonObject | KeyedList | null,
  key: string | null,
  path: readonly string[],
  depth: number,
  change: Change,
): JsonObject | Json[] {
  let value: Json | undefined;
  if (parent === null || key === null) value = work.root;
  else if (parent instanceof KeyedList) value = parent.get(parent.find(key));
  else if (Object.hasOwn(parent, key)) value = parent[key];
  if (value === undefined && change.op === 'add' && parent !== null && key !== null && !(parent instanceof KeyedList)) {
    // An absent parent comes with its first member: a list where the schema knows one, else an object.
    const made: JsonObject | Json[] = listRuleAt(work.schema, path.slice(0, depth)) === null ? {} : [];
    parent[key] = made;
    work.own.set(made, null);
    return made;
  }
  if (!Array.isArray(value) && !isObject(value)) throw misfit(change, value === undefined ? 'its parent does not exist' : 'its parent is no object or list');
  return value;
}

function place(work: Work, parent: JsonObject | KeyedList | null, key: string | null, own: Json): void {
  if (parent === null || key === null) work.root = own;
  else if (parent instanceof KeyedList) parent.set(parent.find(key), own);
  else parent[key] = own;
}

function ownContainer(work: Work, own: JsonObject | Json[], path: readonly string[], depth: number, change: Change): JsonObject | KeyedList {
  const known = work.own.get(own);
  if (known instanceof KeyedList) return known;
  if (!Array.isArray(own)) {
    work.own.set(own, null);
    return own;
  }
  const here = path.slice(0, depth);
  const rule = listRuleAt(work.schema, here);
  if (rule === null) throw misfit(change, 'a list without keys is changed only as a whole');
  const list = new KeyedList(own, rule, here);
  work.own.set(own, list);
  return list;
}

/** How many looks at a list are made by scanning before an index is worth its price. */
const SCANS = 8;

/** A keyed list while it is changed: removed elements leave gaps until `compact`, so that an index stays true. */
class KeyedList {
  readonly #list: (Json | undefined)[];
  readonly #rule: ListRule;
  readonly #path: readonly string[];
  #index: Map<string, number> | null = null;
  /** Every key, once an index was made; an insertion spoils positions, never this. */
  #keys: Set<string> | null = null;
  #inserted: { readonly key: string; readonly index: number } | null = null;
  #scans = 0;
  #gaps = false;

  constructor(list: Json[], rule: ListRule, path: readonly string[]) {
    this.#list = list;
    this.#rule = rule;
    this.#path = path;
  }

  get(index: number): Json | undefined {
    return this.#list[index];
  }

  find(key: string): number {
    if (this.#keys !== null && !this.#keys.has(key)) return -1;
    // Elements that are added in a row each stand before the one added last.
    if (this.#inserted?.key === key) return this.#inserted.index;
    if (this.#index !== null) return this.#index.get(key) ?? -1;
    if (this.#keys === null && this.#scans === SCANS) return this.#build().get(key) ?? -1;
    if (this.#keys === null) this.#scans += 1;
    return this.#list.findIndex((element) => element !== undefined && elementKey(element, this.#rule, this.#path) === key);
  }

  #build(): Map<string, number> {
    const index = new Map<string, number>();
    for (const [i, element] of this.#list.entries()) {
      if (element !== undefined) index.set(elementKey(element, this.#rule, this.#path), i);
    }
    this.#index = index;
    this.#keys = new Set(index.keys());
    return index;
  }

  /** Same key, new value. */
  set(index: number, element: Json): void {
    this.#list[index] = element;
  }

  remove(key: string, index: number): void {
    this.#list[index] = undefined;
    this.#index?.delete(key);
    this.#keys?.delete(key);
    if (this.#inserted?.key === key) this.#inserted = null;
    this.#gaps = true;
  }

  append(key: string, element: Json): void {
    this.#index?.set(key, this.#list.length);
    this.#keys?.add(key);
    this.#inserted = { key, index: this.#list.length };
    this.#list.push(element);
  }

  insert(key: string, index: number, element: Json): void {
    this.#list.splice(index, 0, element);
    this.#index = null;
    this.#keys?.add(key);
    this.#inserted = { key, index };
  }

  compact(): void {
    if (!this.#gaps) return;
    let to = 0;
    for (const element of this.#list) {
      if (element !== undefined) {
        this.#list[to] = element;
        to += 1;
      }
    }
    this.#list.length = to;
    this.#gaps = false;
  }
}

function misfit(change: Change, why: string): TenonError {
  return new TenonError('patch_invalid', `The change "${change.op} ${change.path}" does not fit the plan: ${why}`, {
    path: change.path,
    hint: 'The change was made against another revision of this plan.',
  });
}
