import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../json.ts';
import { applyChanges } from './apply-changes.ts';
import { diffPlan } from './diff.ts';
import { canonicalJson, digestOf } from './digest.ts';
import { anyPlan } from './plan-arbitraries.ts';
import { planDigest } from './plan-digest.ts';
import { SAMPLE_SCHEMA } from './plan-sample.ts';

describe('digests', () => {
  it('follow RFC 8785', () => {
    expect(canonicalJson({ b: [1e21, 1.0, -0], a: '\u20ac"\u000f', '10': 1, '9': 2 })).toBe('{"10":1,"9":2,"a":"€\\"\\u000f","b":[1e+21,1,0]}');
    expect(digestOf({})).toBe('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
  });

  it('of plans are the same as of any value, also where revisions share their parts', () => {
    fc.assert(
      fc.property(anyPlan, anyPlan, fc.jsonValue({ maxDepth: 4 }), (one, other, more) => {
        const large = { ...(one as { [key: string]: Json }), large: Array.from({ length: 40 }, (_, i) => ({ [`k${i}`]: 'some text' })), more: more as Json };
        expect(planDigest(large)).toBe(digestOf(large));
        const changed = applyChanges(large, diffPlan(large, { ...large, other }, SAMPLE_SCHEMA), SAMPLE_SCHEMA);
        expect(planDigest(changed)).toBe(digestOf(changed));
        expect(planDigest(large)).toBe(digestOf(large));
      }),
      { numRuns: 100 },
    );
  });
});
