import { create, isDraft } from 'mutative';
import { TenonError } from '../errors.ts';
import type { Json } from '../json.ts';
import { byteBudget, checkKey, copyAt, type JsonLimits } from './json-guard.ts';
import { formatPointer, isForbiddenKey } from './pointer.ts';

const SOUND = new WeakSet<object>();

/** Whether this is what a draft's `finish` answered: JSON throughout, of which no hook holds a part. */
export function isDraftResult(value: unknown): boolean {
  return typeof value === 'object' && value !== null && SOUND.has(value);
}

/** A plan as an in-process hook holds it. */
export interface PlanDraft {
  readonly draft: Json;
  /** Ends the draft and answers the edited plan; what was not touched is the same object as before. */
  finish(): unknown;
  /** Ends the draft and forgets its edits. */
  close(): void;
}

/**
 * Opens a plan for a hook. It behaves as the plain value does, with a membrane around it: `__proto__`, `constructor` and `prototype` never
 * resolve, prototypes and descriptors cannot be set, whatever is assigned is copied and must be JSON, and after `finish` or `close` any use
 * throws `point_closed`. Where it is not `writable`, every write throws `point_closed`. Nothing is done before it is used.
 */
export function openDraft(value: Json, options: { readonly writable: boolean; readonly limits?: JsonLimits }): PlanDraft {
  const membrane = new Membrane(options.writable, options.limits ?? {});
  if (typeof value !== 'object' || value === null) return { draft: value, finish: () => value, close: () => undefined };
  if (!options.writable) {
    return {
      draft: membrane.wrap(value, null, ''),
      finish: () => {
        membrane.end();
        return value;
      },
      close: () => membrane.end(),
    };
  }
  const [source, finalize] = create<object>(value);
  return {
    draft: membrane.wrap(source, null, ''),
    finish: () => {
      membrane.check();
      membrane.end();
      const edited = finalize();
      // Everything that was assigned has been copied and judged, and nobody else holds a part of it.
      SOUND.add(edited);
      return edited;
    },
    close: () => membrane.end(),
  };
}

/** The parts of plans behind the proxies that hooks hold, so that one can be unwrapped wherever it turns up. */
const SOURCES = new WeakMap<object, object>();

const MUTATING: ReadonlySet<string> = new Set(['push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin']);
/** Methods that ask the list for its constructor, which never resolves: they run on a plain list of the same elements. */
const MAKING: ReadonlySet<string> = new Set(['map', 'filter', 'slice', 'concat', 'flat', 'flatMap']);

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** What `console.log` prints of a part of the plan: Node looks at a proxy's target and would show the empty stand-in. */
function printed(this: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(this));
  } catch {
    // Printing never fails: after the hook has settled there is nothing to show.
    return '[plan of a hook that has settled]';
  }
}
const PRINTS = { [INSPECT]: printed };

/** The target of a proxy is only a stand-in of the right kind: every trap answers from the source. */
function standIn(source: object): object {
  if (!Array.isArray(source)) return Object.create(PRINTS);
  return Object.defineProperty([], INSPECT, { value: printed, configurable: true });
}

/** What every part of one open plan shares. */
class Membrane {
  readonly writable: boolean;
  readonly limits: JsonLimits;
  /** Copies of what the hook assigned: they are ours to edit, though they are no drafts. */
  readonly adopted = new WeakSet<object>();
  readonly #proxies = new Map<object, object>();
  #open = true;

  constructor(writable: boolean, limits: JsonLimits) {
    this.writable = writable;
    this.limits = limits;
  }

  end(): void {
    this.#open = false;
  }

  check(): void {
    if (this.#open) return;
    throw new TenonError('point_closed', 'The plan was used after its hook had settled', {
      hint: 'Await everything that touches ctx.plan before the hook returns.',
    });
  }

  wrap(source: object, parent: Part | null, key: string): Json {
    let proxy = this.#proxies.get(source);
    if (proxy === undefined) {
      proxy = new Proxy<object>(standIn(source), new Part(this, source, parent, key));
      this.#proxies.set(source, proxy);
      SOURCES.set(proxy, source);
    }
    return proxy as Json;
  }

  /** A copy of what a hook assigns: later changes to its own object do not reach the plan, and no part of the plan stands in two places. */
  adopt(value: unknown, part: Part, key: string): Json {
    if (typeof value === 'string' && value.length < 1024 && value.isWellFormed() && !value.includes('\0')) return value;
    const plain = typeof value === 'object' && value !== null ? (SOURCES.get(value) ?? value) : value;
    const copy = copyAt(plain, [...part.path(), key], this.limits, byteBudget(this.limits));
    if (typeof copy === 'object' && copy !== null) this.adopted.add(copy);
    return copy;
  }
}

/** The traps of one object or list of the plan. */
class Part implements ProxyHandler<object> {
  readonly #membrane: Membrane;
  readonly #source: object;
  readonly #list: unknown[] | null;
  readonly #parent: Part | null;
  readonly #key: string;

  constructor(membrane: Membrane, source: object, parent: Part | null, key: string) {
    this.#membrane = membrane;
    this.#source = source;
    this.#list = Array.isArray(source) ? (source as unknown[]) : null;
    this.#parent = parent;
    this.#key = key;
  }

  /** Where it stood when it was first read; for messages. */
  path(): string[] {
    const path: string[] = [];
    for (let part: Part = this; part.#parent !== null; part = part.#parent) path.unshift(part.#key);
    return path;
  }

  get(_target: object, key: string | symbol, receiver: unknown): unknown {
    this.#enter(key);
    const list = this.#list;
    // Symbols answer as they do on any object: the draft's own would open what lies behind it.
    if (typeof key === 'symbol') return Reflect.get(list === null ? Object.prototype : Array.prototype, key);
    if (list !== null && key !== 'length' && Object.hasOwn(Array.prototype, key)) return this.#method(list, key, receiver);
    return this.#show(Reflect.get(this.#source, key), key);
  }

  has(_target: object, key: string | symbol): boolean {
    this.#enter(key);
    if (typeof key === 'symbol') return key in (this.#list === null ? Object.prototype : Array.prototype);
    return Reflect.has(this.#source, key);
  }

  ownKeys(): (string | symbol)[] {
    this.#membrane.check();
    return Reflect.ownKeys(this.#source);
  }

  getOwnPropertyDescriptor(_target: object, key: string | symbol): PropertyDescriptor | undefined {
    this.#enter(key);
    if (!Object.hasOwn(this.#source, key)) return undefined;
    const value = this.#show(Reflect.get(this.#source, key), key);
    if (this.#list !== null && key === 'length') return { value, writable: true, enumerable: false, configurable: false };
    return { value, writable: true, enumerable: true, configurable: true };
  }

  set(_target: object, key: string | symbol, value: unknown): boolean {
    this.#enter(key);
    this.#write(key, value);
    return true;
  }

  defineProperty(_target: object, key: string | symbol, property: PropertyDescriptor): boolean {
    this.#enter(key);
    if (!('value' in property)) throw this.#refuse(String(key), 'accessors cannot stand in a plan');
    this.#write(key, property.value);
    return true;
  }

  deleteProperty(_target: object, key: string | symbol): boolean {
    this.#enter(key);
    this.#mayWrite(String(key));
    if (this.#list !== null && Object.hasOwn(this.#list, key)) throw this.#refuse(String(key), 'deleting an element would leave a hole; use splice');
    return Reflect.deleteProperty(this.#source, key);
  }

  getPrototypeOf(): object {
    this.#membrane.check();
    return this.#list === null ? Object.prototype : Array.prototype;
  }

  setPrototypeOf(): boolean {
    this.#membrane.check();
    throw this.#refuse('__proto__', 'the prototype of a part of the plan cannot be set');
  }

  preventExtensions(): boolean {
    this.#membrane.check();
    throw this.#refuse('', 'a part of the plan cannot be frozen or sealed');
  }

  #enter(key: string | symbol): void {
    this.#membrane.check();
    if (typeof key === 'string' && isForbiddenKey(key)) checkKey(key, this.path());
  }

  /** What a hook sees of a value that stands here. */
  #show(value: unknown, key: string | symbol): unknown {
    if (typeof value !== 'object' || value === null) return value;
    // Everything below a copy of ours is ours. What is neither that nor a draft is the plan before the hook, and stays read-only.
    if (this.#membrane.adopted.has(this.#source)) this.#membrane.adopted.add(value);
    return this.#membrane.wrap(value, this, String(key));
  }

  #write(key: string | symbol, value: unknown): void {
    this.#mayWrite(String(key));
    if (typeof key === 'symbol') throw this.#refuse(String(key), 'a symbol cannot be a key of a plan');
    const list = this.#list;
    if (list === null) {
      if (!key.isWellFormed() || key.includes('\0')) throw this.#refuse(key, 'a key with NUL or a lone surrogate cannot be stored');
    } else if (key === 'length') {
      if (typeof value !== 'number' || !(value >= 0 && value <= list.length)) throw this.#refuse(key, 'a list can only be made shorter by its length');
    } else if (!/^(0|[1-9]\d{0,9})$/.test(key) || Number(key) > list.length) {
      throw this.#refuse(key, `a list of ${list.length} elements takes an index from 0 to ${list.length}`);
    }
    Reflect.set(this.#source, key, this.#membrane.adopt(value, this, key));
  }

  #mayWrite(key: string): void {
    if (this.#membrane.writable) {
      if (isDraft(this.#source) || this.#membrane.adopted.has(this.#source)) return;
      throw this.#refuse(key, 'this is a part of the plan as it was; read it again from the plan to change it');
    }
    const path = this.#at(key);
    throw new TenonError('point_closed', `The plan is read-only in this phase; ${path || 'it'} was not changed`, {
      path,
      hint: 'Change the plan in a phase that opens one of its points, and declare that point for the hook.',
    });
  }

  #method(list: unknown[], key: string, receiver: unknown): unknown {
    if (MUTATING.has(key)) return (...args: unknown[]) => this.#mutate(list, key, args, receiver);
    if (MAKING.has(key)) {
      return (...args: unknown[]) => {
        this.#membrane.check();
        const plain = Array.from(list, (element, i) => this.#show(element, String(i)));
        return Reflect.apply(methodOf(plain, key), plain, args);
      };
    }
    return Reflect.get(Array.prototype, key);
  }

  #mutate(list: unknown[], name: string, args: unknown[], receiver: unknown): unknown {
    this.#membrane.check();
    this.#mayWrite('');
    const answer: unknown = Reflect.apply(methodOf(list, name), list, this.#argumentsOf(name, args));
    if (answer === list) return receiver;
    return Array.isArray(answer) && name === 'splice' ? answer.map((element) => this.#show(element, '-')) : this.#show(answer, '-');
  }

  #argumentsOf(name: string, args: unknown[]): unknown[] {
    const adopt = (value: unknown): Json => this.#membrane.adopt(value, this, '-');
    if (name === 'push' || name === 'unshift') return args.map(adopt);
    if (name === 'splice') return [...args.slice(0, 2), ...args.slice(2).map(adopt)];
    if (name === 'fill') return [...args.slice(0, 1).map(adopt), ...args.slice(1)];
    const compare = args[0];
    if (name === 'sort' && typeof compare === 'function') {
      return [(a: unknown, b: unknown): unknown => Reflect.apply(compare, undefined, [this.#show(a, '-'), this.#show(b, '-')])];
    }
    return args;
  }

  #at(key: string): string {
    return formatPointer(key === '' ? this.path() : [...this.path(), key]);
  }

  #refuse(key: string, why: string): TenonError {
    const path = this.#at(key).toWellFormed().replaceAll('\0', '\\u0000');
    return new TenonError('patch_invalid', `At ${path || 'the top of the plan'}: ${why}`, {
      path,
      hint: 'Edit the plan as plain JSON: set and delete fields, add and remove elements.',
    });
  }
}

function methodOf(list: unknown[], name: string): (...args: unknown[]) => unknown {
  const method: unknown = Reflect.get(list, name);
  if (typeof method !== 'function') throw new TenonError('internal', `Lists have no method ${name}`);
  return method as (...args: unknown[]) => unknown;
}
