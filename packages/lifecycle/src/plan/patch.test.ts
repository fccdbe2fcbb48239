import fc from 'fast-check';
import { applyPatch as applyIndependently, type Operation } from 'rfc6902';
import { describe, expect, it } from 'vitest';
import { TenonError } from '../errors.ts';
import type { Json } from '../json.ts';
import { applyPatches } from './patch.ts';
import { anyPatches, anyPlan, type PatchOperation } from './plan-arbitraries.ts';
import { samplePlan } from './plan-sample.ts';
import { formatPointer, isUnder, parsePointer } from './pointer.ts';

function refusal(patches: readonly unknown[], value: Json = samplePlan()): TenonError {
  try {
    applyPatches(value, patches);
  } catch (thrown) {
    if (thrown instanceof TenonError) return thrown;
    throw thrown;
  }
  throw new Error(`allowed: ${JSON.stringify(patches).slice(0, 200)}`);
}

/** The independent implementation finds the target of a move before it removes the source; the standard says after. */
function movesThroughItsSiblings({ op, path, from }: PatchOperation): boolean {
  if (op !== 'move' || from === undefined) return false;
  const parent = parsePointer(from).slice(0, -1);
  return parsePointer(path).length > parent.length + 1 && isUnder(path, formatPointer(parent));
}

describe('RFC 6902 answers', () => {
  it('equal an independent implementation on what both allow', () => {
    let compared = 0;
    fc.assert(
      fc.property(
        anyPlan.chain((plan) => fc.tuple(fc.constant(plan), anyPatches(plan))),
        ([plan, patches]) => {
          fc.pre(!patches.some(movesThroughItsSiblings));
          const theirs = { root: structuredClone(plan) };
          const prefixed = patches.map((patch) => ({
            ...patch,
            path: `/root${patch.path}`,
            ...(patch.from === undefined ? {} : { from: `/root${patch.from}` }),
          }));
          let ours: Json;
          let failed: boolean;
          try {
            ours = applyPatches(plan, patches);
            failed = applyIndependently(theirs, structuredClone(prefixed) as Operation[]).some((error) => error !== null);
          } catch {
            // One of both refuses; some refusals of the other are plain TypeErrors.
            return;
          }
          if (failed || !Object.hasOwn(theirs, 'root')) return;
          compared += 1;
          expect(ours).toEqual(theirs.root);
        },
      ),
      { numRuns: 600 },
    );
    expect(compared).toBeGreaterThan(30);
  });

  it('find the target of a move after its source was removed, as the standard says', () => {
    expect(applyPatches([[], ['a'], ['b']], [{ op: 'move', from: '/0', path: '/1/0' }])).toEqual([['a'], [[], 'b']]);
  });

  it('leave the plan and the values that they carry alone', () => {
    const plan = samplePlan();
    const value = { target: '/x', list: [1] };
    const after = applyPatches(plan, [
      { op: 'add', path: '/mounts/-', value },
      { op: 'copy', from: '/mounts/2', path: '/mounts/0' },
      { op: 'add', path: '/mounts/0/list/-', value: 2 },
    ]);
    value.list.push(9);
    expect(plan).toEqual(samplePlan());
    expect(after).toMatchObject({ mounts: [{ target: '/x', list: [1, 2] }, {}, {}, { target: '/x', list: [1] }] });
  });

  it('apply all or none, and name the operation', () => {
    const error = refusal([
      { op: 'add', path: '/labels/x', value: 'y' },
      { op: 'test', path: '/name', value: 'wrong' },
    ]);
    expect(error).toMatchObject({ code: 'patch_invalid', context: { path: '/name' } });
    expect(error.message).toContain('operation 1 (test /name)');
  });

  it.each([
    ['an index below zero', { op: 'add', path: '/mounts/-1', value: {} }],
    ['an index in exponent form', { op: 'replace', path: '/mounts/1e0', value: {} }],
    ['an index with a leading zero', { op: 'replace', path: '/mounts/01', value: {} }],
    ['length', { op: 'replace', path: '/mounts/length', value: 0 }],
    ['an index beyond the end', { op: 'add', path: '/mounts/3', value: {} }],
    ['the end for anything but add', { op: 'remove', path: '/mounts/-' }],
    ['the end in the middle', { op: 'add', path: '/mounts/-/x', value: 1 }],
    ['__proto__', { op: 'add', path: '/labels/__proto__/x', value: 1 }],
    ['constructor', { op: 'add', path: '/labels/constructor/prototype/x', value: 1 }],
    ['__proto__ in from', { op: 'copy', from: '/labels/__proto__', path: '/labels/x' }],
    ['__proto__ inside a value', { op: 'add', path: '/labels/x', value: JSON.parse('{"__proto__": {"x": 1}}') }],
    ['an inherited name', { op: 'copy', from: '/labels/toString', path: '/labels/x' }],
    ['a bad escape', { op: 'remove', path: '/labels/~2' }],
    ['a path without its slash', { op: 'remove', path: 'labels' }],
    ['a parent that is not there', { op: 'add', path: '/nowhere/x', value: 1 }],
    ['a parent that is text', { op: 'add', path: '/name/x', value: 1 }],
    ['a move into itself', { op: 'move', from: '/labels', path: '/labels/x' }],
    ['an unknown op', { op: '_get', path: '/labels' }],
    ['a missing value', { op: 'add', path: '/labels/x' }],
    ['an undefined value', { op: 'add', path: '/labels/x', value: undefined }],
    ['NUL', { op: 'add', path: '/labels/x', value: 'a\0' }],
    ['a lone surrogate', { op: 'add', path: '/labels/\ud800', value: 'a' }],
    ['null', null],
    ['a number', 5],
    ['a list', []],
  ])('refuse %s', (_what, patch) => {
    expect(refusal([patch]).code).toBe('patch_invalid');
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it('may replace the whole plan, which the guard then judges', () => {
    expect(applyPatches(samplePlan(), [{ op: 'replace', path: '', value: { a: 1 } }])).toEqual({ a: 1 });
  });

  it('keep to the limits of number, bytes and depth', () => {
    expect(refusal(Array.from({ length: 513 }, () => ({ op: 'test', path: '/name', value: 'box' }))).code).toBe('patch_too_large');
    expect(refusal([{ op: 'add', path: '/labels/x', value: 'x'.repeat(10_000_000) }]).code).toBe('patch_too_large');
    // Each copy doubles what is there: forty of them would be a terabyte.
    const doubling = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '', path: `/c${i}` }));
    expect(refusal(doubling).code).toBe('patch_too_large');
    const deep = JSON.parse(`${'['.repeat(256_000)}${']'.repeat(256_000)}`);
    expect(refusal([{ op: 'add', path: '/labels/x', value: deep }]).code).toBe('patch_invalid');
    expect(refusal(Array.from({ length: 70 }, (_, i) => ({ op: 'add', path: `/resources${'/x'.repeat(i + 1)}`, value: {} }))).code).toBe('patch_invalid');
  });

  it('may replace a large part again and again: what was removed is not counted', () => {
    const value = 'x'.repeat(600_000);
    const patches = Array.from({ length: 6 }, () => ({ op: 'replace', path: '/labels/team', value }));
    expect(applyPatches(samplePlan(), [...patches, { op: 'replace', path: '/labels/team', value: 'y' }])).toMatchObject({ labels: { team: 'y' } });
  });
});
