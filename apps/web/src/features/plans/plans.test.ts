import type { AttemptView, ChangeView, JsonValue, PlanRevisionView } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import type { PointShape } from './change/model.ts';
import { countLeaves, fieldRows } from './field-tree.ts';
import { foldUnchanged, rawDiff } from './raw-diff.ts';
import { rewind } from './rewind.ts';
import { planSequence } from './sequence.ts';

const points: readonly PointShape[] = [
  { path: '/networks', merge: 'keyed_list', key: ['name'] },
  { path: '/mounts', merge: 'keyed_list', key: ['target'] },
  { path: '/env', merge: 'map', key: null },
];

function change(op: ChangeView['op'], path: string, before: JsonValue, after: JsonValue, extension = 'policy'): ChangeView {
  return { op, path, before, after, redacted: false, by: { extension, revision: '1.0.0', phase: 'prepare_plan' }, reason: 'because', overrode: null };
}

const requested = { name: 'demo', image: 'busybox', env: { A: '1' }, mounts: [{ target: '/data', readOnly: false }], networks: [] };
const changes = [
  change('add', '/env/B', null, '2'),
  change('replace', '/mounts/~1data/readOnly', false, true),
  change('add', '/networks/tn', null, { name: 'tn', ipv4: '10.0.0.2' }, 'network'),
  change('remove', '/image', 'busybox', null),
];
const sealed = { name: 'demo', env: { A: '1', B: '2' }, mounts: [{ target: '/data', readOnly: true }], networks: [{ name: 'tn', ipv4: '10.0.0.2' }] };

function revision(number: number, name: string, own: readonly ChangeView[]): PlanRevisionView {
  return {
    number,
    by: { kind: number === 0 ? 'driver' : 'extension', name },
    phase: number === 0 ? null : 'prepare_plan',
    digest: `d${number}`,
    changes: [...own],
  };
}
const revisions = [
  revision(0, 'docker', []),
  revision(1, 'policy', changes.slice(0, 2)),
  revision(2, 'network', changes.slice(2, 3)),
  revision(3, 'policy', changes.slice(3)),
];

describe('rewind', () => {
  it('takes changes back through maps, elements by key, additions and removals', () => {
    expect(rewind(sealed, changes, points)).toEqual(requested);
  });
  it('leaves what it was given alone', () => {
    const copy = structuredClone(sealed);
    rewind(sealed, changes, points);
    expect(sealed).toEqual(copy);
  });
});

describe('fieldRows', () => {
  const plan = { value: sealed, revisions, points, reserved: ['/name'] };
  it('folds what nobody changed with its count and shows every changed field with its author', () => {
    const rows = fieldRows(plan, new Set(), '');
    expect(rows[0]?.fold).toEqual({ count: 1, names: 'name' });
    const owners = Object.fromEntries(
      rows.filter((row) => row.owner !== null).map((row) => [row.path, row.owner?.kind === 'extension' ? row.owner.name : row.owner?.kind]),
    );
    expect(owners).toEqual({
      '/env/A': 'base',
      '/env/B': 'policy',
      '/mounts/~1data/readOnly': 'policy',
      '/mounts/~1data/target': 'base',
      '/networks/tn': 'network',
      '/networks/tn/ipv4': 'network',
      '/networks/tn/name': 'network',
    });
  });
  it('marks what is reserved once it is unfolded', () => {
    const rows = fieldRows(plan, new Set(['unchanged']), '');
    expect(rows.find((row) => row.path === '/name')?.owner).toEqual({ kind: 'reserved' });
  });
  it('filters by path, value and author, keeping the parents of hits', () => {
    expect(fieldRows(plan, new Set(), 'network').map((row) => row.path)).toEqual(['/networks', '/networks/tn', '/networks/tn/ipv4', '/networks/tn/name']);
    expect(fieldRows(plan, new Set(), '10.0.0.2').map((row) => row.path)).toContain('/networks/tn/ipv4');
  });
  it('never shows a secret', () => {
    const rows = fieldRows({ ...plan, value: { env: { TOKEN: { $secret: 'abc' } } }, revisions: [] }, new Set(['unchanged']), '');
    expect(rows.find((row) => row.path === '/env/TOKEN')).toMatchObject({ hidden: true, text: '' });
    expect(JSON.stringify(rows)).not.toContain('abc');
  });
  it('counts fields', () => {
    expect(countLeaves(sealed)).toBe(7);
    expect(countLeaves({ a: [], b: {}, c: { $secret: 'x' } })).toBe(3);
  });
});

describe('rawDiff', () => {
  const lines = rawDiff(requested, sealed, points);
  it('gives each side its own text back, whole and in order', () => {
    const side = (which: 'left' | 'right') => JSON.parse(lines.flatMap((line) => (line[which] === null ? [] : [line[which]])).join('\n'));
    expect(side('left')).toEqual(requested);
    expect(side('right')).toEqual(sealed);
    expect(lines.map((line) => line.rightNumber).filter((number) => number !== null)).toEqual(
      Array.from({ length: lines.filter((line) => line.right !== null).length }, (_, at) => at + 1),
    );
  });
  it('marks only what changed, and knows its field', () => {
    expect([...new Set(lines.filter((line) => line.changed).map((line) => line.path))].sort()).toEqual([
      '/env/B',
      '/image',
      '/mounts/~1data/readOnly',
      '/networks/tn',
      '/networks/tn/ipv4',
      '/networks/tn/name',
    ]);
  });
  it('says equal plans are equal, and hides secrets', () => {
    expect(rawDiff(sealed, sealed, points).some((line) => line.changed)).toBe(false);
    expect(JSON.stringify(rawDiff({ a: { $secret: 'x1' } }, { a: { $secret: 'x2' } }, []))).not.toMatch(/x1|x2/);
    expect(rawDiff({ a: { $secret: 'x1' } }, { a: { $secret: 'x2' } }, []).some((line) => line.changed)).toBe(true);
  });
  it('folds what is far from any change and counts it', () => {
    const long = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`k${String(at).padStart(2, '0')}`, at]));
    const blocks = foldUnchanged(rawDiff(long, { ...long, k20: 99 }, []));
    expect(blocks.map((block) => `${block.kind} ${block.lines.length}`)).toEqual(['fold 19', 'lines 5', 'fold 18']);
  });
});

describe('planSequence', () => {
  const attempt = (part: Partial<AttemptView>): AttemptView => ({
    id: 'a',
    runId: 'r',
    parentId: null,
    kind: 'hook',
    phase: 'prepare_plan',
    extension: 'policy',
    revision: '1.0.0',
    seq: 1,
    number: 1,
    outcome: 'ok',
    reason: null,
    message: null,
    error: null,
    startedAt: '2026-11-24T13:00:00.000Z',
    durationMs: 1,
    changes: [],
    changeCount: 0,
    effects: [],
    wouldBeEffects: [],
    warnings: [],
    logs: [],
    compensates: null,
    spanId: 's',
    ...part,
  });
  it('stands on revisions alone where the run is not at hand', () => {
    expect(planSequence({ revisions, sealedAt: '2026-11-24T13:00:00.000Z' }, []).map((item) => item.kind)).toEqual([
      'requested',
      'changed',
      'changed',
      'changed',
      'sealed',
    ]);
  });
  it('puts what was refused and shadowed where it happened', () => {
    const items = planSequence({ revisions: revisions.slice(0, 3), sealedAt: null }, [
      attempt({ id: 'a1', seq: 1, outcome: 'changed', message: 'a floor of 512 MiB' }),
      attempt({ id: 'a2', seq: 2, extension: 'labels', outcome: 'failed', error: { code: 'reserved_field', message: 'no' } }),
      attempt({ id: 'a3', seq: 3, extension: 'network', outcome: 'changed' }),
      attempt({ id: 'a4', seq: 4, extension: 'tenant', outcome: 'shadowed', changes: [change('add', '/env/C', null, '3')] }),
      attempt({ id: 'a5', seq: 5, extension: 'quiet' }),
    ]);
    expect(items.map((item) => `${item.kind} ${'extension' in item ? item.extension : ''}`.trim())).toEqual([
      'requested',
      'changed policy',
      'refused labels',
      'changed network',
      'shadow tenant',
    ]);
    expect(items[1]).toMatchObject({ from: 0, to: 1, reason: 'a floor of 512 MiB', attemptId: 'a1' });
    expect(items[2]).toMatchObject({ kept: 1 });
  });
});
