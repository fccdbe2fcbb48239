import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Author, Owners } from './owners.ts';
import type { Change } from './plan.ts';

const author = (extension: string): Author => ({ extension, revision: '1.0.0', phase: 'prepare_plan' });
const add = (path: string): Change => ({ op: 'add', path, after: 'x' });
const remove = (path: string): Change => ({ op: 'remove', path, before: 'x' });
const conflict = (extension: string, path: string): unknown =>
  expect.objectContaining({ code: 'field_conflict', context: expect.objectContaining({ conflictsWith: extension, path }) });

function owned(...claims: [string, Change][]): Owners {
  const owners = new Owners();
  for (const [extension, change] of claims) owners.claim([change], author(extension), []);
  return owners;
}

describe('owners', () => {
  it('refuse a second extension on an owned field, and name both, the path and the way out', () => {
    const owners = owned(['a', add('/labels/team')]);
    try {
      owners.claim([add('/labels/team')], author('b'), []);
      expect.unreachable();
    } catch (error) {
      expect(error).toEqual(conflict('a', '/labels/team'));
      expect((error as Error).message).toMatch(/^b changes \/labels\/team .* a set it/);
      expect((error as { context: { hint: string } }).context.hint).toContain('overrides');
    }
  });

  it('let another key, another element, and the same extension go on', () => {
    const owners = owned(['a', add('/labels/team')], ['a', add('/mounts/~1x')]);
    expect(owners.claim([add('/labels/tier'), add('/mounts/~1y'), add('/labels/teams')], author('b'), [])).toEqual([null, null, null]);
    expect(owners.claim([add('/labels/team'), add('/mounts/~1x/readOnly')], author('a'), [])).toEqual([null, null]);
  });

  it('cover what is inside and over an element, and what was removed', () => {
    expect(() => owned(['a', add('/mounts/~1x')]).claim([add('/mounts/~1x/readOnly')], author('b'), [])).toThrow(
      conflict('a', '/mounts/~1x/readOnly') as Error,
    );
    expect(() => owned(['a', add('/labels/team')]).claim([remove('/labels')], author('b'), [])).toThrow(conflict('a', '/labels/team') as Error);
    expect(() => owned(['a', remove('/labels/team')]).claim([add('/labels/team')], author('b'), [])).toThrow(conflict('a', '/labels/team') as Error);
    expect(() => owned(['a', remove('/labels')]).claim([add('/labels/other')], author('b'), [])).toThrow(conflict('a', '/labels/other') as Error);
  });

  it('pass on by a grant, by whole segments, and to whoever owns at that moment', () => {
    const owners = owned(['a', add('/labels/team')], ['a', add('/labelsets/x')]);
    const grant = (extension: string, path = '/labels'): { extension: string; path: string }[] => [{ extension, path }];
    expect(() => owners.claim([add('/labelsets/x')], author('b'), grant('a'))).toThrow(conflict('a', '/labelsets/x') as Error);
    expect(owners.claim([add('/labels/team')], author('b'), grant('a'))).toEqual(['a']);
    expect(() => owners.claim([add('/labels/team')], author('c'), grant('a'))).toThrow(conflict('b', '/labels/team') as Error);
    expect(owners.claim([add('/labels/team')], author('c'), grant('b', '/labels/team'))).toEqual(['b']);
    expect(() => owners.claim([add('/labels/team')], author('a'), [])).toThrow(conflict('c', '/labels/team') as Error);
    expect(owners.ownerOf('/labels/team')).toMatchObject({ extension: 'c' });
  });

  it('keep a field that was taken out of an element with its new owner', () => {
    const owners = owned(['a', add('/mounts/~1x')]);
    owners.claim([add('/mounts/~1x/readOnly')], author('b'), [{ extension: 'a', path: '/mounts/~1x' }]);
    expect(owners.ownerOf('/mounts/~1x/readOnly')).toMatchObject({ extension: 'b' });
    expect(owners.ownerOf('/mounts/~1x/source')).toMatchObject({ extension: 'a' });
    expect(() => owners.claim([add('/mounts/~1x/readOnly')], author('a'), [])).toThrow(conflict('b', '/mounts/~1x/readOnly') as Error);
    expect(() => owners.claim([remove('/mounts/~1x')], author('a'), [])).toThrow(conflict('b', '/mounts/~1x/readOnly') as Error);
  });

  it('change all or nothing, and not at all in a clone', () => {
    const owners = owned(['a', add('/labels/team')]);
    const copy = owners.clone();
    expect(() => owners.claim([add('/env/X'), add('/labels/team')], author('b'), [])).toThrow(conflict('a', '/labels/team') as Error);
    expect(owners.ownerOf('/env/X')).toBeNull();
    copy.claim([add('/env/X')], author('b'), []);
    owners.claim([add('/env/Y')], author('c'), []);
    expect([owners.ownerOf('/env/X'), copy.ownerOf('/env/Y')]).toEqual([null, null]);
    expect(copy.clone().ownerOf('/env/X')).toMatchObject({ extension: 'b' });
  });

  it('are the same when replayed from the recorded revisions', () => {
    const owners = owned(['a', add('/labels/team')], ['b', add('/mounts/~1x')]);
    const replayed = Owners.replay(
      (['a', 'b'] as const).map((extension, i) => ({
        number: i + 1,
        by: { kind: 'extension' as const, name: extension },
        phase: 'prepare_plan' as const,
        digest: '',
        value: null,
        changes: [{ ...add(i === 0 ? '/labels/team' : '/mounts/~1x'), by: author(extension), reason: null, overrode: null }],
      })),
    );
    for (const path of ['/labels/team', '/mounts/~1x/y', '/env/X']) expect(replayed.ownerOf(path)).toEqual(owners.ownerOf(path));
  });

  it('refuse two extensions on paths of which one holds the other, in either order; never on others', () => {
    const path = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 3 }).map((segments) => `/${segments.join('/')}`);
    fc.assert(
      fc.property(path, path, (one, other) => {
        const clash = `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
        for (const [first, second] of [
          [one, other],
          [other, one],
        ] as const) {
          const owners = owned(['a', add(first)]);
          const claim = (): unknown => owners.claim([add(second)], author('b'), []);
          if (clash) expect(claim).toThrow(expect.objectContaining({ code: 'field_conflict' }));
          else expect(claim()).toEqual([null]);
        }
      }),
    );
  });
});
