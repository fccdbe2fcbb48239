import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../json.ts';
import { applyChanges } from './apply-changes.ts';
import { diffPlan } from './diff.ts';
import { canonicalJson } from './digest.ts';
import { listRuleAt } from './keyed.ts';
import { anyPlan } from './plan-arbitraries.ts';
import { SAMPLE_SCHEMA, samplePlan } from './plan-sample.ts';

/** Unordered lists in one order, so that plans can be compared. */
function settled(value: Json, path: readonly string[] = []): Json {
  if (Array.isArray(value)) {
    const rule = listRuleAt(SAMPLE_SCHEMA, path);
    const elements = value.map((element, i) => settled(element, [...path, String(i)]));
    return rule !== null && !rule.ordered ? elements.sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1)) : elements;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, settled(member ?? null, [...path, key])]));
}

const short = (before: Json, after: unknown): string[] =>
  diffPlan(before, after, SAMPLE_SCHEMA).map((change) => `${change.op} ${change.path}${change.beforeKey === undefined ? '' : ` before ${change.beforeKey}`}`);

describe('keyed changes', () => {
  it('lead from any plan to any other, up to the order of unordered lists', () => {
    fc.assert(
      fc.property(anyPlan, anyPlan, (before, after) => {
        const kept = structuredClone(before);
        const changes = diffPlan(before, after, SAMPLE_SCHEMA);
        expect(settled(applyChanges(before, changes, SAMPLE_SCHEMA))).toEqual(settled(after));
        expect(before).toEqual(kept);
        expect(diffPlan(before, structuredClone(before), SAMPLE_SCHEMA)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('are one for each leaf of what is added, and one for the whole of what is removed', () => {
    const plan = samplePlan();
    const { resources: _gone, ...rest } = plan;
    expect(short(rest, plan)).toEqual(['add /resources/cpuMillis', 'add /resources/memoryBytes']);
    expect(short(plan, rest)).toEqual(['remove /resources']);
    expect(short({ labels: {} }, { labels: {}, env: {}, mounts: [] })).toEqual(['add /env', 'add /mounts']);
    expect(short({}, { mounts: [{ target: '/x', readOnly: true }] })).toEqual(['add /mounts/~1x']);
    expect(short({ a: 1 }, { a: { b: 1 } })).toEqual(['replace /a']);
    expect(short({ env: { K: { $secret: 'a' } } }, { env: { K: { $secret: 'b' } } })).toEqual(['replace /env/K']);
  });

  it('know elements of a list by their key', () => {
    const [data, tmp] = samplePlan().mounts as Json[];
    expect(short({ mounts: [data ?? null, tmp ?? null] }, { mounts: [tmp, data] })).toEqual([]);
    expect(short({ mounts: [{ target: '/a', x: 1 }] }, { mounts: [{ target: '/n' }, { target: '/a', x: 2 }] })).toEqual([
      'replace /mounts/~1a/x',
      'add /mounts/~1n',
    ]);
    expect(short({ mounts: [{ target: '/a' }] }, { mounts: [{ target: '/b' }] })).toEqual(['remove /mounts/~1a', 'add /mounts/~1b']);
    expect(short({ ports: [{ number: 80, protocol: 'tcp' }] }, { ports: [{ number: 80, protocol: 'udp' }] })).toEqual([
      'remove /ports/80,tcp',
      'add /ports/80,udp',
    ]);
    expect(short({ security: { capAdd: ['A'] } }, { security: { capAdd: ['B', 'A'] } })).toEqual(['add /security/capAdd/"B"']);
    expect(short({ command: ['a', 'b'] }, { command: ['a', 'c'] })).toEqual(['replace /command']);
  });

  it('find one element at the head of a large list', () => {
    const mounts = Array.from({ length: 9_000 }, (_, i) => ({ target: `/m${i}` }));
    expect(short({ mounts }, { mounts: [{ target: '/new' }, ...mounts] })).toEqual(['add /mounts/~1new']);
  });

  it('are found and applied in large lists without a pass for each element', () => {
    const before = Array.from({ length: 4_000 }, (_, i) => ({ id: `s${i}` }));
    const after = before.flatMap((step) => [{ id: `new-${step.id}` }, step]).filter((_, i) => i % 5 !== 0);
    const changes = diffPlan({ steps: before, mounts: [] }, { steps: after, mounts: before.map(({ id }) => ({ target: id })) }, SAMPLE_SCHEMA);
    const applied = applyChanges({ steps: before, mounts: [] }, changes, SAMPLE_SCHEMA) as { steps: Json; mounts: Json[] };
    expect(applied.steps).toEqual(after);
    expect(applied.mounts).toHaveLength(4_000);
  }, 10_000);

  it('keep positions in ordered lists: what moves is removed and added', () => {
    const steps = (...ids: string[]): Json => ({ steps: ids.map((id) => ({ id })) });
    expect(short(steps('a', 'b', 'c'), steps('a', 'x', 'b', 'c'))).toEqual(['add /steps/x before b']);
    expect(short(steps('a', 'b', 'c'), steps('a', 'b', 'c', 'x'))).toEqual(['add /steps/x before null']);
    expect(short(steps('a', 'b', 'c'), steps('c', 'a', 'b'))).toEqual(['remove /steps/c', 'add /steps/c before a']);
  });

  it.each<[string, Json, unknown]>([
    ['a duplicate key', { mounts: [{ target: '/a' }] }, { mounts: [{ target: '/a' }, { target: '/a', x: 1 }] }],
    ['a duplicate in an added list', {}, { mounts: [{ target: '/a' }, { target: '/a' }] }],
    ['a duplicate of a set', { security: { capAdd: ['A'] } }, { security: { capAdd: ['A', 'A'] } }],
    ['a missing key field', { mounts: [] }, { mounts: [{ source: 'x' }] }],
    ['an element that is no object', { mounts: [] }, { mounts: ['x'] }],
    ['a key that never resolves', { mounts: [] }, { mounts: [{ target: '__proto__' }] }],
    ['undefined', { a: 1 }, { a: undefined }],
    ['a hole', { command: ['a'] }, { command: new Array(2) }],
    ['a hole in a keyed list', { mounts: [] }, { mounts: new Array(2) }],
    ['a Date', { a: {} }, { a: new Date() }],
    ['a symbol as key', { a: {} }, { a: { [Symbol('x')]: 1 } }],
    ['an accessor', { a: {} }, { a: Object.defineProperty({}, 'x', { get: () => 1, enumerable: true }) }],
    ['nothing at all', {}, undefined],
  ])('refuse %s', (_what, before, after) => {
    expect(() => diffPlan(before, after, SAMPLE_SCHEMA)).toThrow(expect.objectContaining({ code: 'patch_invalid' }));
  });

  it('share what they do not touch, and copy what they carry', () => {
    const before = samplePlan();
    const value = { target: '/x', list: [1] };
    const changes = diffPlan(before, { ...before, mounts: [...(before.mounts as Json[]), value] }, SAMPLE_SCHEMA);
    value.list.push(2);
    const after = applyChanges(before, changes, SAMPLE_SCHEMA) as { [key: string]: Json };
    expect(after.labels).toBe(before.labels);
    expect((after.mounts as Json[])[0]).toBe((before.mounts as Json[])[0]);
    expect((after.mounts as Json[])[2]).toEqual({ target: '/x', list: [1] });
  });

  it('fail clearly where they do not fit', () => {
    for (const change of [
      { op: 'remove', path: '/labels/none' },
      { op: 'add', path: '/labels/team', after: 'x' },
      { op: 'replace', path: '/mounts/~1none', after: {} },
      { op: 'add', path: '/name/x', after: 1 },
      { op: 'add', path: '/labels/__proto__', after: 1 },
      { op: 'replace', path: '/command/0', after: 'x' },
    ] as const) {
      expect(() => applyChanges(samplePlan(), [change], SAMPLE_SCHEMA)).toThrow(expect.objectContaining({ code: 'patch_invalid' }));
    }
  });
});
