import { describe, expect, it } from 'vitest';
import { toStorableJson } from './storable-json.ts';

describe('storable JSON', () => {
  it('is plain JSON where nothing stands in the way', () => {
    const value = { a: [1, null, 'é 🧩 \\u0000 written out'], b: { c: true } };
    expect(JSON.parse(toStorableJson(value))).toEqual(value);
    expect(toStorableJson(undefined)).toBe('null');
  });

  it('escapes NUL and lone surrogates, in keys and at any depth, and keeps pairs', () => {
    const text = toStorableJson({ 'k\0': [{ deep: 'a\0b \ud800 \udc00 🧩' }] });
    expect(text).not.toMatch(/[^\\]\\u0000|\\ud[89a-f]/i);
    expect(JSON.parse(text)).toEqual({ 'k\\u0000': [{ deep: 'a\\u0000b � � 🧩' }] });
  });

  it('keeps `__proto__` an ordinary key', () => {
    const value: unknown = JSON.parse('{"__proto__": {"x": "\\u0000"}}');
    const back: unknown = JSON.parse(toStorableJson(value));
    expect(Object.keys(back as object)).toEqual(['__proto__']);
    expect(({} as { x?: string }).x).toBeUndefined();
  });
});
