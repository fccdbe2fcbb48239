import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanJson } from './scan-json.ts';

describe('scanJson', () => {
  it('finds nothing wrong with any JSON within the depth', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 2), (value, space) => {
        expect(scanJson(JSON.stringify(value, null, space), 64)).toBeNull();
      }),
    );
  });

  it('counts the depth as a walk over the value does', () => {
    const depth = (value: unknown): number => (typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const deep = depth(value);
        expect(scanJson(JSON.stringify(value), deep)).toBeNull();
        if (deep > 0) expect(scanJson(JSON.stringify(value), deep - 1)).toEqual({ kind: 'depth' });
      }),
    );
  });

  it('reads brackets and colons inside text as text', () => {
    expect(scanJson('{"a":"[[[{\\"x\\":{","b":"\\\\"}', 1)).toBeNull();
  });

  it('finds keys that stand twice in one object, and only there', () => {
    expect(scanJson('{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}', 64)).toBeNull();
    expect(scanJson('{"a":1,"b":{"c":1, "c" : 2}}', 64)).toEqual({ kind: 'duplicate_key', key: 'c' });
    expect(scanJson('{"a":["a","a"]}', 64)).toBeNull();
  });
});
