import { create, isDraft } from 'mutative';
import { TenonError } from '../errors.ts';
import type { Json } from '../json.ts';
import { byteBudget, checkKey, copyAt, type JsonLimits } from './json-guard.ts';
import { formatPointer } from './pointer.ts';

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
      return finalize();
    },
    close: () => membrane.end(),
  };
}

interface Place {
  readonly parent: Place | null;
  readonly key: string;
}

/** The drafts and plain values behind the proxies that hooks hold, so that one can be unwrapped wherever it turns up. */
const SOURCES = new WeakMap<object, object>();

const MUTATING: ReadonlySet<string> = new Set(['push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin']);
/** Methods that ask the list for its constructor, which never resolves: they run on a plain list of the same elements. */
const MAKING: ReadonlySet<string> = new Set(['map', 'filter', 'slice', 'concat', 'flat', 'flatMap']);

class Membrane {
  readonly #writable: boolean;
  readonly #limits: JsonLimits;
  readonly #proxies = new WeakMap<object, object>();
  readonly #adopted = new WeakSet<object>();
  #open = true;

  constructor(writable: boolean, limits: JsonLimits) {
    this.#writable = writable;
    this.#limits = limits;
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

  wrap(source: object, parent: Place | null, key: string): Json {
    const known = this.#proxies.get(source);
    if (known !== undefined) return known as Json;
    const place: Place = { parent, key };
    // The target is only a stand-in of the right kind: every trap answers from the source.
    const proxy: object = new Proxy<object>(Array.isArray(source) ? [] : {}, this.#traps(source, place));
    this.#proxies.set(source, proxy);
    SOURCES.set(proxy, source);
    return proxy as Json;
  }

  /** What a hook sees of a value that stands in `within`. */
  #show(value: unknown, within: object, place: Place, key: string): unknown {
    if (typeof value !== 'object' || value === null) return value;
    // Everything below a copy of ours is ours. A part of the base that is no draft must never be written: it is the plan before the hook.
    if (!isDraft(value) && this.#adopted.has(within)) this.#adopted.add(value);
    return this.wrap(value, place, key);
  }

  #mayEdit(source: object): boolean {
    return this.#writable && (isDraft(source) || this.#adopted.has(source));
  }

  #traps(source: object, place: Place): ProxyHandler<object> {
    const list = Array.isArray(source) ? (source as unknown[]) : null;
    const show = (value: unknown, key: string): unknown => this.#show(value, source, place, key);
    const enter = (key: string | symbol): void => {
      this.check();
      if (typeof key === 'string') checkKey(key, pathOf(place));
    };
    return {
      get: (_target, key, receiver) => {
        enter(key);
        if (typeof key === 'symbol') return list === null ? Reflect.get(source, key) : Reflect.get(Array.prototype, key);
        if (list !== null && MUTATING.has(key)) return this.#mutating(list, key, place, receiver);
        if (list !== null && MAKING.has(key)) return this.#making(list, key, place);
        if (list !== null && Object.hasOwn(Array.prototype, key) && key !== 'length') return Reflect.get(Array.prototype, key);
        return show(Reflect.get(source, key), key);
      },
      has: (_target, key) => {
        enter(key);
        return Reflect.has(source, key);
      },
      ownKeys: () => {
        this.check();
        return Reflect.ownKeys(source);
      },
      getOwnPropertyDescriptor: (_target, key) => {
        enter(key);
        const property = Reflect.getOwnPropertyDescriptor(source, key);
        if (property === undefined) return undefined;
        if (list !== null && key === 'length') return property;
        return { value: show(Reflect.get(source, key), String(key)), writable: true, enumerable: true, configurable: true };
      },
      set: (_target, key, value: unknown) => {
        enter(key);
        this.#write(source, list, key, value, place);
        return true;
      },
      defineProperty: (_target, key, property) => {
        enter(key);
        if (!('value' in property)) throw refuse(place, String(key), 'accessors cannot stand in a plan');
        this.#write(source, list, key, property.value, place);
        return true;
      },
      deleteProperty: (_target, key) => {
        enter(key);
        this.#mayWrite(source, place, String(key));
        if (list !== null && Object.hasOwn(list, key)) throw refuse(place, String(key), 'deleting an element would leave a hole; use splice');
        return Reflect.deleteProperty(source, key);
      },
      getPrototypeOf: () => {
        this.check();
        return list === null ? Object.prototype : Array.prototype;
      },
      setPrototypeOf: () => {
        this.check();
        throw refuse(place, '__proto__', 'the prototype of a part of the plan cannot be set');
      },
      isExtensible: () => true,
      preventExtensions: () => {
        this.check();
        throw refuse(place, '', 'a part of the plan cannot be frozen or sealed');
      },
    };
  }

  #write(source: object, list: unknown[] | null, key: string | symbol, value: unknown, place: Place): void {
    this.#mayWrite(source, place, String(key));
    if (typeof key === 'symbol') throw refuse(place, String(key), 'a symbol cannot be a key of a plan');
    if (list !== null && key === 'length') {
      if (typeof value !== 'number' || !(value >= 0 && value <= list.length)) throw refuse(place, key, 'a list can only be made shorter by its length');
    } else if (list !== null && (!/^(0|[1-9]\d{0,9})$/.test(key) || Number(key) > list.length)) {
      throw refuse(place, key, `a list of ${list.length} elements takes an index from 0 to ${list.length}`);
    }
    Reflect.set(source, key, this.#adopt(value, place, key));
  }

  #mayWrite(source: object, place: Place, key: string): void {
    if (this.#mayEdit(source)) return;
    if (this.#writable) throw refuse(place, key, 'this is a part of the plan as it was; read it again from the plan to change it');
    const path = formatPointer([...pathOf(place), ...(key === '' ? [] : [key])]);
    throw new TenonError('point_closed', `The plan is read-only in this phase; ${path} was not changed`, {
      path,
      hint: 'Change the plan in a phase that opens one of its points, and declare that point for the hook.',
    });
  }

  /** A copy of what a hook assigns: later changes to its own object do not reach the plan, and no part of the plan stands in two places. */
  #adopt(value: unknown, place: Place, key: string): unknown {
    const plain = typeof value === 'object' && value !== null ? unwrapped(value) : value;
    const copy = copyAt(plain, [...pathOf(place), key], this.#limits, byteBudget(this.#limits));
    if (typeof copy === 'object' && copy !== null) this.#adopted.add(copy);
    return copy;
  }

  #mutating(list: unknown[], name: string, place: Place, receiver: unknown): (...args: unknown[]) => unknown {
    return (...args: unknown[]) => {
      this.check();
      this.#mayWrite(list, place, '');
      const answer: unknown = Reflect.apply(methodOf(list, name), list, this.#arguments(list, name, args, place));
      if (answer === list) return receiver;
      return Array.isArray(answer) && name === 'splice' ? answer.map((element) => this.#show(element, list, place, '-')) : this.#show(answer, list, place, '-');
    };
  }

  #arguments(list: unknown[], name: string, args: unknown[], place: Place): unknown[] {
    const adopt = (value: unknown): unknown => this.#adopt(value, place, '-');
    if (name === 'push' || name === 'unshift') return args.map(adopt);
    if (name === 'splice') return [...args.slice(0, 2), ...args.slice(2).map(adopt)];
    if (name === 'fill') return [...args.slice(0, 1).map(adopt), ...args.slice(1)];
    const compare = args[0];
    if (name === 'sort' && typeof compare === 'function') {
      return [(a: unknown, b: unknown): unknown => Reflect.apply(compare, undefined, [this.#show(a, list, place, '-'), this.#show(b, list, place, '-')])];
    }
    return args;
  }

  #making(list: unknown[], name: string, place: Place): (...args: unknown[]) => unknown {
    return (...args: unknown[]) => {
      this.check();
      const plain = Array.from(list, (element, i) => this.#show(element, list, place, String(i)));
      return Reflect.apply(methodOf(plain, name), plain, args);
    };
  }
}

function methodOf(list: unknown[], name: string): (...args: unknown[]) => unknown {
  const method: unknown = Reflect.get(list, name);
  if (typeof method !== 'function') throw new TenonError('internal', `Lists have no method ${name}`);
  return method as (...args: unknown[]) => unknown;
}

function unwrapped(value: object): object {
  return SOURCES.get(value) ?? value;
}

function pathOf(place: Place): string[] {
  const path: string[] = [];
  for (let at: Place | null = place; at !== null && at.parent !== null; at = at.parent) path.unshift(at.key);
  return path;
}

function refuse(place: Place, key: string, why: string): TenonError {
  const path = formatPointer([...pathOf(place), ...(key === '' ? [] : [key])]);
  return new TenonError('patch_invalid', `At ${path || 'the top of the plan'}: ${why}`, {
    path,
    hint: 'Edit the plan as plain JSON: set and delete fields, add and remove elements.',
  });
}
