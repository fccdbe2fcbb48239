import { LIMITS, type Limits } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import type { Json } from '../json.ts';
import { formatPointer, isForbiddenKey } from './pointer.ts';

/** Lets only JSON through, as a copy: nothing that a hook kept a reference to can change a plan or a trace later. */

export type JsonLimits = Partial<Pick<Limits, 'planBytes' | 'planDepth'>>;

/** How many bytes may still be used; shared by every value of one attempt. */
export interface ByteBudget {
  left: number;
  readonly limit: number;
}

export function byteBudget(limits: JsonLimits = {}): ByteBudget {
  const limit = limits.planBytes ?? LIMITS.planBytes;
  return { left: limit, limit };
}

/**
 * A deep copy of `value`. Throws `patch_invalid`, naming the path, on whatever JSON cannot hold (undefined, NaN, Date, Map, functions,
 * accessors, holes, cycles, NUL, lone surrogates ...), on the keys that never resolve, and beyond `planDepth`; `patch_too_large` beyond `planBytes`.
 */
export function copyJson(value: unknown, limits: JsonLimits = {}): Json {
  return copyAt(value, [], limits, byteBudget(limits));
}

/** The same for a value that stands at `at`: its depth counts from the root, its bytes against a shared budget. */
export function copyAt(value: unknown, at: readonly string[], limits: JsonLimits, budget: ByteBudget): Json {
  const depth = limits.planDepth ?? LIMITS.planDepth;
  return copyValue(value, [...at], depth, budget, []);
}

function copyValue(value: unknown, path: string[], maxDepth: number, budget: ByteBudget, ancestors: object[]): Json {
  switch (typeof value) {
    case 'string':
      checkText(value, path, budget);
      return value;
    case 'boolean':
      spend(budget, value ? 4 : 5, path);
      return value;
    case 'number':
      if (!Number.isFinite(value)) throw refuse(path, `${value} is no JSON number`);
      spend(budget, String(value).length, path);
      // JSON has no negative zero that survives canonical form.
      return value === 0 ? 0 : value;
    case 'object':
      if (value === null) {
        spend(budget, 4, path);
        return null;
      }
      break;
    default:
      throw refuse(
        path,
        `a value of type ${typeof value} cannot stand in a plan`,
        typeof value === 'undefined' ? 'Delete the field instead of setting it to undefined.' : undefined,
      );
  }
  if (ancestors.includes(value)) throw refuse(path, 'the value holds itself');
  if (path.length >= maxDepth) throw tooDeep(path, maxDepth);
  ancestors.push(value);
  const copy = Array.isArray(value) ? copyArray(value, path, maxDepth, budget, ancestors) : copyObject(value, path, maxDepth, budget, ancestors);
  ancestors.pop();
  return copy;
}

function copyArray(list: readonly unknown[], path: string[], maxDepth: number, budget: ByteBudget, ancestors: object[]): Json[] {
  if (Object.getPrototypeOf(list) !== Array.prototype) throw refuse(path, 'an instance of a class cannot stand in a plan');
  const length = list.length;
  // Each element takes at least two bytes: a forged length is refused before anything is copied.
  spend(budget, 2 + length, path);
  if (Reflect.ownKeys(list).length !== length + 1) throw refuse(path, 'a list with holes or with named properties cannot stand in a plan');
  const copy: Json[] = [];
  for (let i = 0; i < length; i += 1) {
    path.push(String(i));
    copy.push(copyValue(dataOf(list, String(i), path), path, maxDepth, budget, ancestors));
    path.pop();
  }
  return copy;
}

function copyObject(object: object, path: string[], maxDepth: number, budget: ByteBudget, ancestors: object[]): Json {
  if (!isPlain(object)) throw refuse(path, `${describe(object)} cannot stand in a plan`);
  const copy: { [key: string]: Json } = {};
  spend(budget, 2, path);
  for (const key of Reflect.ownKeys(object)) {
    if (typeof key === 'symbol') throw refuse(path, 'a symbol cannot be a key of a plan');
    checkKey(key, path);
    path.push(key);
    checkText(key, path, budget);
    spend(budget, 2, path);
    copy[key] = copyValue(dataOf(object, key, path), path, maxDepth, budget, ancestors);
    path.pop();
  }
  return copy;
}

/** Only what is made by `{}` or JSON.parse; a class instance says more than JSON can keep. */
export function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

/** Reads an own data property once; an accessor could answer something else each time. */
export function dataOf(container: object, key: string, path: readonly string[]): unknown {
  const property = Object.getOwnPropertyDescriptor(container, key);
  if (property === undefined) throw refuse(path, 'a list with holes cannot stand in a plan');
  if (property.get !== undefined || property.set !== undefined) throw refuse(path, 'an accessor cannot stand in a plan');
  if (property.enumerable !== true) throw refuse(path, 'a hidden property cannot stand in a plan');
  return property.value;
}

/** Refuses the keys that never resolve. `path` is the container's. */
export function checkKey(key: string, path: readonly string[]): void {
  if (isForbiddenKey(key)) {
    throw refuse(
      [...path, key],
      `the key ${JSON.stringify(key)} never resolves`,
      'Remove this key; __proto__, constructor and prototype cannot be used in a plan.',
    );
  }
}

/** Refuses text that cannot be stored, and counts it. */
export function checkText(text: string, path: readonly string[], budget: ByteBudget): void {
  if (text.length > budget.left) throw tooLarge(budget.limit, path);
  if (text.includes('\0')) throw refuse(path, 'a NUL character cannot be stored');
  if (!text.isWellFormed()) throw refuse(path, 'a lone surrogate cannot be stored', 'The text is cut in the middle of a character; send well-formed Unicode.');
  spend(budget, Buffer.byteLength(text) + 2, path);
}

function spend(budget: ByteBudget, bytes: number, path: readonly string[]): void {
  budget.left -= bytes;
  if (budget.left < 0) throw tooLarge(budget.limit, path);
}

function tooLarge(limit: number, path: readonly string[]): TenonError {
  return new TenonError('patch_too_large', `At ${shown(path)} the value passes the limit of ${limit} bytes of JSON`, {
    path: shownPath(path),
    hint: 'Put large contents behind a mount or a file of the image; a plan is a description.',
  });
}

function tooDeep(path: readonly string[], limit: number): TenonError {
  return refuse(path.slice(0, 8), `the value below it is nested deeper than ${limit} levels`, 'Flatten the value.');
}

function refuse(path: readonly string[], why: string, hint?: string): TenonError {
  return new TenonError('patch_invalid', `At ${shown(path)}: ${why}`, {
    path: shownPath(path),
    hint: hint ?? 'Use only what JSON holds: objects, lists, text, finite numbers, true, false and null.',
  });
}

function shownPath(path: readonly string[]): string {
  return formatPointer(path).slice(0, 500).toWellFormed().replaceAll('\0', '\\u0000');
}
function shown(path: readonly string[]): string {
  return path.length === 0 ? 'the top of the value' : shownPath(path);
}

function describe(object: object): string {
  const name = Object.prototype.toString.call(object).slice(8, -1);
  return name === 'Object' ? 'an instance of a class' : `a ${name}`;
}
