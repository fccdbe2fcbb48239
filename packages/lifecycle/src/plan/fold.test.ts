import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TenonError } from '../errors.ts';
import type { Json } from '../json.ts';
import { comparePlans } from './diff.ts';
import { digestOf } from './digest.ts';
import { openDraft } from './draft.ts';
import { type Folded, type FoldInput, foldEdit } from './fold.ts';
import { Owners } from './owners.ts';
import { anyJson, anyPatches, anyPlan } from './plan-arbitraries.ts';
import { SAMPLE_POINTS, SAMPLE_SCHEMA, samplePlan } from './plan-sample.ts';
import { coversPath, formatPointer, parsePointer } from './pointer.ts';
import { makeRevision, rebuild } from './rebuild.ts';

function fold(edit: FoldInput['edit'], more: Partial<FoldInput> = {}): Folded {
  const phase = more.phase ?? 'prepare_plan';
  return foldEdit({
    before: samplePlan(),
    edit,
    schema: SAMPLE_SCHEMA,
    phase,
    declared: SAMPLE_POINTS,
    owners: new Owners(),
    author: { extension: 'ext', revision: '1.0.0', phase },
    overrides: [],
    reason: null,
    ...more,
  });
}

const patches = (...operations: unknown[]): FoldInput['edit'] => ({ kind: 'patches', patches: operations });

function refusal(run: () => unknown): TenonError {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof TenonError) return thrown;
    throw thrown;
  }
  throw new Error('allowed');
}

/** Values of every reserved path of a plan. */
function reservedOf(value: Json): [string, Json][] {
  const found: [string, Json][] = [];
  const walk = (at: Json, path: readonly string[]): void => {
    if (SAMPLE_SCHEMA.reserved.some((pattern) => coversPath(parsePointer(pattern), path))) found.push([formatPointer(path), at]);
    else if (Array.isArray(at)) for (const element of at) walk(element, [...path, String((element as { target?: string } | null)?.target ?? '')]);
    else if (typeof at === 'object' && at !== null) for (const [key, member] of Object.entries(at)) walk(member ?? null, [...path, key]);
  };
  walk(value, []);
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

describe('folding', () => {
  it('lets nothing reserved and nothing outside a point change, whatever the patches', () => {
    let applied = 0;
    fc.assert(
      fc.property(
        fc.oneof(fc.constant(samplePlan() as Json), anyPlan).chain((plan) => fc.tuple(fc.constant(plan), anyPatches(plan))),
        ([before, operations]) => {
          let folded: Folded;
          try {
            folded = fold(patches(...operations), { before });
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(TenonError);
            return;
          }
          if (folded.changes.length > 0) applied += 1;
          const was = before as { [key: string]: Json };
          const is = folded.value as { [key: string]: Json };
          expect(reservedOf(is)).toEqual(reservedOf(was));
          for (const closed of ['name', 'image', 'command', 'free']) expect(is[closed]).toEqual(was[closed]);
        },
      ),
      { numRuns: 800 },
    );
    expect(applied).toBeGreaterThan(20);
  });

  it('refuses two extensions that give one field different values, in either order', () => {
    const value = anyJson.filter((json) => typeof json !== 'object');
    const path = fc.constantFrom('/labels/x', '/env/X', '/resources/cpuMillis');
    fc.assert(
      fc.property(path, value, value, (at, one, other) => {
        for (const [first, second] of [
          [one, other],
          [other, one],
        ] as const) {
          const made = fold(patches({ op: 'add', path: at, value: first }));
          const again = (): Folded =>
            fold(patches({ op: 'add', path: at, value: second }), {
              before: made.value,
              owners: made.owners,
              author: { extension: 'other', revision: '1.0.0', phase: 'prepare_plan' },
            });
          if (made.changes.length === 0) continue;
          if (first === second) expect(again().changes).toEqual([]);
          else expect(refusal(again).code).toBe('field_conflict');
        }
      }),
    );
  });

  it('makes the same of a draft and of patches that say the same, and rebuilds it from its changes', () => {
    const before = samplePlan();
    const opened = openDraft(before, { writable: true });
    const draft = opened.draft as unknown as { labels: Record<string, string>; steps: { id: string }[]; mounts: unknown[] };
    draft.labels.x = 'y';
    draft.steps.splice(1, 0, { id: 'n' });
    draft.mounts.unshift({ target: '/n' });
    const drafted = fold({ kind: 'value', value: opened.finish() }, { before, reason: 'because\n of  it\0' });
    const patched = fold(
      patches(
        { op: 'add', path: '/labels/x', value: 'y' },
        { op: 'add', path: '/steps/1', value: { id: 'n' } },
        { op: 'add', path: '/mounts/0', value: { target: '/n' } },
      ),
      { before, reason: 'because\n of  it\0' },
    );
    expect(drafted.changes).toEqual(patched.changes);
    expect(drafted.value).toEqual(patched.value);
    expect(drafted.changes[0]).toMatchObject({ by: { extension: 'ext', phase: 'prepare_plan' }, reason: 'because of it\\u0000', overrode: null });
    const revisions = [
      makeRevision({ number: 0, by: { kind: 'driver', name: 'docker' }, phase: null, value: before, changes: [] }),
      makeRevision({ number: 1, by: { kind: 'extension', name: 'ext' }, phase: 'prepare_plan', value: drafted.value, changes: drafted.changes }),
    ];
    expect(digestOf(rebuild(revisions, 1, SAMPLE_SCHEMA))).toBe(revisions[1]?.digest);
    expect(rebuild(revisions, 0, SAMPLE_SCHEMA)).toEqual(before);
    expect(refusal(() => rebuild(revisions, 2, SAMPLE_SCHEMA)).code).toBe('not_found');
  });

  it('answers exactly what its changes lead to, also where a draft re-ordered a list', () => {
    const before = samplePlan();
    const opened = openDraft(before, { writable: true });
    const draft = opened.draft as unknown as { labels: Record<string, string>; mounts: unknown[] };
    draft.mounts.reverse();
    draft.labels.x = 'y';
    const folded = fold({ kind: 'value', value: opened.finish() }, { before });
    expect(folded.changes.map((change) => change.path)).toEqual(['/labels/x']);
    expect((folded.value as { mounts: Json }).mounts).toEqual(before.mounts);
  });

  it('takes no edit, and an equal one, for no change', () => {
    const before = samplePlan();
    const owners = new Owners();
    for (const edit of [null, patches(), patches({ op: 'replace', path: '/labels/team', value: 'red' }), { kind: 'value', value: samplePlan() } as const]) {
      expect(fold(edit, { before, owners })).toEqual({ value: before, changes: [], owners });
    }
    expect(owners.ownerOf('/labels/team')).toBeNull();
  });

  it('changes nothing of its inputs when it refuses', () => {
    const before = samplePlan();
    const owners = new Owners();
    const error = refusal(() =>
      fold(patches({ op: 'add', path: '/labels/x', value: 'y' }, { op: 'replace', path: '/image', value: 'evil' }), { before, owners }),
    );
    expect(error).toMatchObject({ code: 'point_closed', context: { extension: 'ext', phase: 'prepare_plan', path: '/image' } });
    expect(before).toEqual(samplePlan());
    expect(owners.ownerOf('/labels/x')).toBeNull();
  });

  it.each<[string, string, unknown[]]>([
    ['a reserved label', 'reserved_field', [{ op: 'replace', path: '/labels/tenon.dev~1sandbox-id', value: 'other' }]],
    ['a reserved label that is new', 'reserved_field', [{ op: 'add', path: '/labels/tenon.dev~1x', value: 'other' }]],
    ['a reserved label by a move', 'reserved_field', [{ op: 'move', from: '/labels/team', path: '/labels/openshell.managed' }]],
    ['a reserved label by replacing its parent', 'reserved_field', [{ op: 'replace', path: '/labels', value: { team: 'red' } }]],
    ['reserved environment by removing its parent', 'reserved_field', [{ op: 'remove', path: '/env' }]],
    ['a reserved field by replacing the plan', 'reserved_field', [{ op: 'replace', path: '', value: {} }]],
    ['a reserved field inside an element', 'reserved_field', [{ op: 'remove', path: '/mounts/0' }]],
    ['a reserved field inside an added element', 'reserved_field', [{ op: 'add', path: '/mounts/-', value: { target: '/n', auth: { user: 'me' } } }]],
    ['a security setting', 'reserved_field', [{ op: 'replace', path: '/security/privileged', value: true }]],
    ['a part without a point', 'point_closed', [{ op: 'add', path: '/command/-', value: 'x' }]],
    ['a part that is new', 'point_closed', [{ op: 'add', path: '/extra', value: {} }]],
    ['the type of a part around reserved ones', 'reserved_field', [{ op: 'replace', path: '/labels', value: 'text' }]],
  ])('refuses %s', (_what, code, operations) => {
    expect(refusal(() => fold(patches(...operations))).code).toBe(code);
  });

  it('allows a parent replaced where the result changes only what is open', () => {
    const labels = { ...(samplePlan().labels as { [key: string]: Json }), team: 'blue' };
    expect(fold(patches({ op: 'replace', path: '/labels', value: labels })).changes.map((change) => change.path)).toEqual(['/labels/team']);
  });

  it('honours the phase, the declaration and the neutral names of points', () => {
    const label = patches({ op: 'add', path: '/labels/x', value: 'y' });
    const env = patches({ op: 'add', path: '/env/X', value: 'y' });
    expect(fold(label, { declared: ['*.labels'] }).changes).toHaveLength(1);
    expect(fold(env, { phase: 'before_start' }).changes).toHaveLength(1);
    expect(fold(patches({ op: 'add', path: '/networks/-', value: { name: 'n' } }), { phase: 'before_create' }).changes).toHaveLength(1);
    expect(refusal(() => fold(label, { declared: ['docker.env'] })).context.hint).toContain('Declare the point docker.labels');
    expect(refusal(() => fold(label, { phase: 'before_start' })).context.hint).toContain('prepare_plan');
    expect(refusal(() => fold(env, { phase: 'after_ready' })).code).toBe('point_closed');
  });

  it('lets a hook move or drop a secret, never make one', () => {
    const move = fold(patches({ op: 'move', from: '/env/API_KEY', path: '/env/OTHER' }));
    expect(move.changes.map((change) => [change.op, change.path])).toEqual([
      ['add', '/env/OTHER'],
      ['remove', '/env/API_KEY'],
    ]);
    expect(fold(patches({ op: 'remove', path: '/env/API_KEY' })).changes).toHaveLength(1);
    for (const [path, value] of [
      ['/env/X', { $secret: 'sec-2' }],
      ['/env/X', { $secret: 1 }],
      ['/env/X', { $secret: 'sec-1', more: 1 }],
      ['/env/API_KEY/$secret', 'sec-2'],
      ['/labels/x', { $secret: 'sec-1' }],
      ['/resources/x', { y: [{ $secret: 'sec-1' }] }],
    ] as const) {
      expect(refusal(() => fold(patches({ op: 'add', path, value }))).code).toBe('patch_invalid');
    }
  });

  it('looks only at what was touched: the cost does not grow with the plan', () => {
    // Anything that read the untouched part would throw.
    const before = samplePlan();
    const untouched = new Proxy({}, { ownKeys: () => expect.unreachable(), get: () => expect.unreachable() }) as Json;
    before.untouched = untouched;
    const opened = openDraft(before, { writable: true });
    (opened.draft as { labels: Record<string, string> }).labels.x = 'y';
    const value = opened.finish();
    expect(comparePlans(before, value, SAMPLE_SCHEMA).changes).toHaveLength(1);
    expect((fold({ kind: 'value', value }, { before }).value as { untouched: Json }).untouched).toBe(untouched);
  });
});
