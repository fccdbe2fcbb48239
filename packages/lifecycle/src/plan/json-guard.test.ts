import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyJson } from './json-guard.ts';

const invalid = (path: string): unknown => expect.objectContaining({ code: 'patch_invalid', context: expect.objectContaining({ path }) });

function sparse(): unknown[] {
  const list: unknown[] = [1];
  list[2] = 3;
  return list;
}

describe('copying JSON', () => {
  it('answers an equal value that shares nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), (value) => {
        fc.pre(!/\\u0000|\\ud[89a-f]|__proto__|constructor|prototype/.test(JSON.stringify(value)));
        const copy = copyJson(value);
        expect(JSON.stringify(copy)).toBe(JSON.stringify(value));
        if (typeof value === 'object' && value !== null) expect(copy).not.toBe(value);
      }),
      { numRuns: 200 },
    );
  });

  it.each<[string, unknown, string]>([
    ['undefined', { a: undefined }, '/a'],
    ['undefined in a list', [1, undefined], '/1'],
    ['NaN', { a: [Number.NaN] }, '/a/0'],
    ['Infinity', { a: -Infinity }, '/a'],
    ['a Date', { a: { b: new Date(0) } }, '/a/b'],
    ['a Map', { a: new Map() }, '/a'],
    ['a Set', { a: new Set() }, '/a'],
    ['a RegExp', { a: /x/ }, '/a'],
    ['a Promise', { a: Promise.resolve() }, '/a'],
    ['bytes', { a: new Uint8Array(2) }, '/a'],
    ['a boxed text', { a: Object('x') }, '/a'],
    ['an Error', { a: new Error('x') }, '/a'],
    ['a function', { a: () => 1 }, '/a'],
    ['a symbol', { a: Symbol('x') }, '/a'],
    ['a bigint', { a: 1n }, '/a'],
    ['a class instance', { a: new (class X {})() }, '/a'],
    ['a derived list', { a: new (class L extends Array {})() }, '/a'],
    ['a hole', { a: sparse() }, '/a'],
    ['a list with a name', { a: Object.assign([1], { x: 1 }) }, '/a'],
    ['an accessor', { a: Object.defineProperty({}, 'x', { get: () => 1, enumerable: true }) }, '/a/x'],
    ['a hidden property', { a: Object.defineProperty({}, 'x', { value: 1 }) }, '/a/x'],
    ['a symbol as key', { a: { [Symbol('x')]: 1 } }, '/a'],
    ['__proto__', JSON.parse('{"a": {"__proto__": 1}}'), '/a/__proto__'],
    ['constructor', { constructor: 1 }, '/constructor'],
    ['prototype', { a: [{ prototype: 1 }] }, '/a/0/prototype'],
    ['NUL', { a: 'x\0' }, '/a'],
    ['a lone surrogate', { a: 'x\udc00' }, '/a'],
    ['an odd key, escaped', { 'a/b~': Number.NaN }, '/a~1b~0'],
  ])('refuses %s by its path', (_what, value, path) => {
    expect(() => copyJson(value)).toThrow(invalid(path) as Error);
  });

  it('refuses a NUL or lone surrogate in a key, with a message that can be stored', () => {
    for (const key of ['a\0', 'a\ud800']) {
      try {
        copyJson({ [key]: 1 });
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({ code: 'patch_invalid' });
        expect((error as Error).message.isWellFormed() && !(error as Error).message.includes('\0')).toBe(true);
      }
    }
  });

  it('refuses cycles and depth without running out of stack', () => {
    const cycle: { a: { self?: unknown } } = { a: {} };
    cycle.a.self = cycle;
    expect(() => copyJson(cycle)).toThrow(/holds itself/);
    expect(() => copyJson(JSON.parse(`${'['.repeat(256_000)}${']'.repeat(256_000)}`))).toThrow(/deeper than 64/);
    expect(() => copyJson(JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`))).toThrow(/deeper than 64/);
    expect(copyJson(JSON.parse(`${'['.repeat(64)}${']'.repeat(64)}`))).toBeInstanceOf(Array);
  });

  it('refuses size before it is copied: long text, forged lengths, and values that double at each level', () => {
    const large = expect.objectContaining({ code: 'patch_too_large' }) as unknown as Error;
    expect(() => copyJson('x'.repeat(10_000_000))).toThrow(large);
    expect(() => copyJson(new Array(4_000_000_000))).toThrow(large);
    let bomb: unknown = 'x';
    for (let i = 0; i < 60; i += 1) bomb = [bomb, bomb];
    expect(() => copyJson(bomb)).toThrow(large);
    expect(() => copyJson([1, 2, 3], { planBytes: 4 })).toThrow(large);
  });

  it('reads an own value once', () => {
    let reads = 0;
    const shifty = new Proxy({ a: 1 }, { getOwnPropertyDescriptor: () => ({ value: ++reads, enumerable: true, configurable: true, writable: true }) });
    expect(copyJson(shifty)).toEqual({ a: 1 });
  });
});
