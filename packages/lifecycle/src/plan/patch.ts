import { LIMITS, type Limits } from '@tenon/vocabulary';
import jsonPatch, { type Operation } from 'fast-json-patch';
import { messageOf, TenonError } from '../errors.ts';
import { isObject, type Json } from '../json.ts';
import { byteBudget, copyAt, type JsonLimits } from './json-guard.ts';
import { isForbiddenKey, parsePointer } from './pointer.ts';

/** RFC 6902 as the standard has it, and nothing beyond it. */

export type PatchLimits = JsonLimits & Partial<Pick<Limits, 'patchesPerAttempt'>>;

const OPS: readonly string[] = ['add', 'remove', 'replace', 'move', 'copy', 'test'];

interface ReadOperation {
  readonly op: string;
  readonly path: string;
  readonly target: readonly string[];
  readonly from: string | null;
  readonly source: readonly string[];
  readonly value: unknown;
}

/**
 * The plan after `patches`, as a copy that shares nothing with `value` or with the patches. All of them apply or none.
 * Throws `patch_invalid`, naming the operation's index and path, and `patch_too_large` beyond the limits.
 */
export function applyPatches(value: Json, patches: readonly unknown[], limits: PatchLimits = {}): Json {
  const most = limits.patchesPerAttempt ?? LIMITS.patchesPerAttempt;
  if (!Array.isArray(patches)) throw new TenonError('patch_invalid', 'The patches are no list', { hint: 'Answer "patches" as a list of RFC 6902 operations.' });
  if (patches.length > most) {
    throw new TenonError('patch_too_large', `${patches.length} patch operations in one answer, ${most} are allowed`, {
      hint: 'Replace a whole part of the plan instead of each of its fields.',
    });
  }
  const size = new PlanSize(limits);
  let document = size.take(value, []);
  for (const [index, patch] of patches.entries()) {
    try {
      document = applyOperation(document, readOperation(patch), size);
    } catch (thrown) {
      throw atOperation(thrown, index, patch);
    }
  }
  return document;
}

function readOperation(patch: unknown): ReadOperation {
  if (!isObject(patch)) throw refuse('it is no object');
  const { op, path, from } = patch;
  if (typeof op !== 'string' || !OPS.includes(op)) throw refuse(`"op" must be one of ${OPS.join(', ')}`);
  if (typeof path !== 'string') throw refuse('"path" must be a JSON Pointer');
  const needsFrom = op === 'move' || op === 'copy';
  if (needsFrom && typeof from !== 'string') throw refuse('"from" must be a JSON Pointer');
  const needsValue = op === 'add' || op === 'replace' || op === 'test';
  if (needsValue && !Object.hasOwn(patch, 'value')) throw refuse('"value" is missing');
  return {
    op,
    path,
    target: checkedPointer(path),
    from: needsFrom && typeof from === 'string' ? from : null,
    source: needsFrom && typeof from === 'string' ? checkedPointer(from) : [],
    value: needsValue ? patch.value : undefined,
  };
}

function checkedPointer(pointer: string): readonly string[] {
  const segments = parsePointer(pointer);
  for (const segment of segments) {
    if (isForbiddenKey(segment)) throw refuse(`${JSON.stringify(segment)} never resolves`);
    if (segment.includes('\0') || !segment.isWellFormed()) throw refuse('NUL and lone surrogates cannot be stored');
  }
  return segments;
}

function applyOperation(document: Json, operation: ReadOperation, size: PlanSize): Json {
  const { op, path, target, source } = operation;
  if (op === 'remove') {
    resolve(document, target);
    return run(document, { op, path });
  }
  if (op === 'test') {
    const expected = size.copy(operation.value, []);
    resolve(document, target);
    return run(document, { op, path, value: expected });
  }
  if (op === 'add' || op === 'replace') {
    if (op === 'add') resolveForAdd(document, target);
    const replaced = op === 'replace' ? resolve(document, target) : null;
    const value = size.add(operation.value, target, document, replaced);
    return run(document, { op, path, value });
  }
  const moved = resolve(document, source);
  if (op === 'copy') {
    resolveForAdd(document, target);
    const value = size.add(moved, target, document, null);
    return run(document, { op: 'add', path, value });
  }
  if (target.length > source.length && source.every((segment, i) => segment === target[i])) throw refuse('a value cannot be moved into itself');
  if (operation.from === path) return document;
  // A move may put its value deeper than a plan may be.
  const value = size.copy(moved, target);
  const without = run(document, { op: 'remove', path: operation.from ?? '' });
  resolveForAdd(without, target);
  return run(without, { op: 'add', path, value });
}

function run(document: Json, operation: Operation): Json {
  // Everything is validated by now; validation by the library would clone the whole plan for each operation.
  return jsonPatch.applyOperation<Json>(document, operation, false, true, true).newDocument;
}

/** What stands at a pointer that must exist. */
function resolve(document: Json, path: readonly string[]): Json {
  let value = document;
  for (const segment of path) value = child(value, segment);
  return value;
}

function resolveForAdd(document: Json, path: readonly string[]): void {
  const key = path.at(-1);
  if (key === undefined) return;
  const parent = resolve(document, path.slice(0, -1));
  if (Array.isArray(parent)) {
    if (key !== '-' && arrayIndex(key) > parent.length) throw refuse(`the list has ${parent.length} elements, so ${key} is beyond its end`);
  } else if (!isObject(parent)) {
    throw refuse('its parent is no object or list');
  }
}

function child(value: Json, segment: string): Json {
  if (Array.isArray(value)) {
    const element = segment === '-' ? undefined : value[arrayIndex(segment)];
    if (element === undefined) throw refuse(`the list has no element ${segment}`);
    return element;
  }
  const member = isObject(value) && Object.hasOwn(value, segment) ? value[segment] : undefined;
  if (member === undefined) throw refuse(`nothing stands at ${JSON.stringify(segment)}`);
  return member;
}

function arrayIndex(segment: string): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(segment)) throw refuse(`${JSON.stringify(segment)} is no index of a list (0, 1, 2 ...; "-" only to add at the end)`);
  return Number(segment);
}

/** Keeps the plan within its bytes while patches grow it; doubling copies are stopped before they are made. */
class PlanSize {
  readonly #limits: JsonLimits;
  readonly #budget;

  constructor(limits: JsonLimits) {
    this.#limits = limits;
    this.#budget = byteBudget(limits);
  }

  /** The first copy of the whole. */
  take(value: unknown, at: readonly string[]): Json {
    return copyAt(value, at, this.#limits, this.#budget);
  }

  /** A copy that does not stay, or that replaces what it was copied from. */
  copy(value: unknown, at: readonly string[]): Json {
    return copyAt(value, at, this.#limits, byteBudget(this.#limits));
  }

  /** A copy that makes the plan larger. What went since, and what it replaces, is counted only where the limit seems reached. */
  add(value: unknown, at: readonly string[], document: Json, replaced: Json): Json {
    try {
      return this.take(value, at);
    } catch (thrown) {
      if (!(thrown instanceof TenonError) || thrown.code !== 'patch_too_large') throw thrown;
      const whole = byteBudget(this.#limits);
      copyAt(document, [], this.#limits, whole);
      const part = byteBudget(this.#limits);
      copyAt(replaced, at, this.#limits, part);
      this.#budget.left = whole.left + (part.limit - part.left);
      return this.take(value, at);
    }
  }
}

function refuse(why: string): TenonError {
  return new TenonError('patch_invalid', why);
}

function atOperation(thrown: unknown, index: number, patch: unknown): TenonError {
  const path = isObject(patch) && typeof patch.path === 'string' ? patch.path.slice(0, 500).toWellFormed().replaceAll('\0', '\\u0000') : '';
  const op = isObject(patch) && typeof patch.op === 'string' && OPS.includes(patch.op) ? patch.op : 'operation';
  const known = thrown instanceof TenonError ? thrown : null;
  const why = known === null && op === 'test' ? 'the test failed' : messageOf(thrown);
  const hint = known?.context.hint ?? 'Operations are RFC 6902 against the plan as it was sent, one after the other; none of this answer was applied.';
  return new TenonError(known?.code ?? 'patch_invalid', `Patch operation ${index} (${op} ${path || 'the whole plan'}): ${why}`, { path, hint }, thrown);
}
