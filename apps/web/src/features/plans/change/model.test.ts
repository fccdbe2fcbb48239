import type { ChangeView } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { changeModel, type PointShape, refusalModel } from './model.ts';

const points: readonly PointShape[] = [
  { path: '/networks', merge: 'keyed_list', key: ['name'] },
  { path: '/devices', merge: 'keyed_list', key: 'set' },
  { path: '/env', merge: 'map', key: null },
  { path: '/spec/containers/*/ports', merge: 'keyed_list', key: ['containerPort', 'protocol'] },
];

function change(part: Partial<ChangeView>): ChangeView {
  return { op: 'replace', path: '/x', before: null, after: null, redacted: false, by: null, reason: null, overrode: null, ...part };
}

describe('changeModel', () => {
  it('draws a scalar with both values, bytes with units', () => {
    expect(changeModel(change({ path: '/resources/memoryBytes', before: 134_217_728, after: 536_870_912 }), points)).toEqual({
      kind: 'scalar',
      glyph: '~',
      path: '/resources/memoryBytes',
      overrode: null,
      before: '128 MiB',
      after: '512 MiB',
    });
  });

  it('draws an added and a removed scalar with one value', () => {
    expect(changeModel(change({ op: 'add', path: '/env/A', after: '1' }), points)).toMatchObject({ kind: 'scalar', glyph: '+', before: null, after: '1' });
    expect(changeModel(change({ op: 'remove', path: '/env/A', before: '' }), points)).toMatchObject({ kind: 'scalar', glyph: '−', before: '""', after: null });
  });

  it('draws a map by its members', () => {
    expect(changeModel(change({ op: 'add', path: '/labels', after: { team: 'a', tier: 'b' } }), points)).toMatchObject({
      kind: 'map',
      after: '{ team: a, tier: b }',
    });
  });

  it('draws an element of a keyed list by its key, also a composite key below a pattern, also a set', () => {
    const network = changeModel(change({ op: 'add', path: '/networks/tn-a', after: { name: 'tn-a', ipv4: '10.30.0.17', aliases: ['x'] } }), points);
    expect(network).toMatchObject({ kind: 'keyed_list', key: 'tn-a', keyedBy: 'name', after: '{ name: tn-a, ipv4: 10.30.0.17, aliases: 1 }' });
    expect(changeModel(change({ op: 'add', path: '/spec/containers/agent/ports/80,TCP', after: {} }), points)).toMatchObject({
      keyedBy: 'containerPort, protocol',
      key: '80,TCP',
    });
    expect(changeModel(change({ op: 'add', path: '/devices/"gpu0"', after: 'gpu0' }), points)).toMatchObject({ kind: 'keyed_list', keyedBy: 'value' });
  });

  it('draws a leaf inside an element as a scalar', () => {
    expect(changeModel(change({ path: '/networks/tn-a/ipv4', before: '10.0.0.1', after: '10.0.0.2' }), points)).toMatchObject({ kind: 'scalar' });
  });

  it('never shows a secret, whichever side it stands on and however the API marks it', () => {
    const secret = { $secret: 'abc' };
    for (const each of [
      change({ op: 'add', path: '/env/TOKEN', after: secret }),
      change({ op: 'remove', path: '/env/TOKEN', before: secret }),
      change({ path: '/env/TOKEN', before: 'was plain', after: secret }),
      change({ path: '/env/TOKEN', before: 'x', after: 'y', redacted: true }),
    ]) {
      const model = changeModel(each, points);
      expect(model.kind).toBe('hidden');
      expect(JSON.stringify(model)).not.toMatch(/abc|plain|"x"|"y"/);
    }
  });

  it('hides a secret inside a larger value', () => {
    expect(JSON.stringify(changeModel(change({ op: 'add', path: '/files', after: { '/a': { contents: 1 }, b: { $secret: 'abc' } } }), points))).not.toContain(
      'abc',
    );
  });

  it('says which extension lost the field by a granted override', () => {
    expect(changeModel(change({ path: '/labels/team', before: 'a', after: 'b', overrode: 'base-labels' }), points).overrode).toBe('base-labels');
  });
});

describe('refusalModel', () => {
  it('knows a conflict and its owner', () => {
    expect(refusalModel({ code: 'field_conflict', message: 'both set it', path: '/labels/team', conflictsWith: 'base-labels' })).toEqual({
      kind: 'conflict',
      code: 'field_conflict',
      path: '/labels/team',
      message: 'both set it',
      owner: 'base-labels',
    });
  });
  it('finds the path of a reserved field in the message where the error carries none', () => {
    expect(refusalModel({ code: 'reserved_field', message: '`/labels/openshell.ai~1x` is reserved' })).toMatchObject({
      kind: 'reserved',
      path: '/labels/openshell.ai~1x',
    });
  });
  it('keeps every other code as it is', () => {
    expect(refusalModel({ code: 'patch_invalid', message: 'no' })).toMatchObject({ kind: 'other', path: null });
  });
});
