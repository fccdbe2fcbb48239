import { describe, expect, it } from 'vitest';
import { covers, isWithin, pointerOf, segmentsOf } from './pointer.ts';

describe('pointers', () => {
  it('go there and back, with slashes and tildes inside a key', () => {
    const segments = ['mounts', '/data/~x', 'readOnly'];
    expect(pointerOf(segments)).toBe('/mounts/~1data~1~0x/readOnly');
    expect(segmentsOf(pointerOf(segments))).toEqual(segments);
    expect(segmentsOf('')).toEqual([]);
  });
  it('lie within one another by whole segments', () => {
    expect(isWithin('/env', '/env/A')).toBe(true);
    expect(isWithin('/env', '/environment')).toBe(false);
  });
  it('are covered by patterns with any segment and with prefixes', () => {
    expect(covers('/labels/tenon.dev~1*', '/labels/tenon.dev~1sandbox-id')).toBe(true);
    expect(covers('/labels/tenon.dev~1*', '/labels/team')).toBe(false);
    expect(covers('/files/*/contents', '/files/~1etc/contents')).toBe(true);
    expect(covers('/security', '/security/capAdd/0')).toBe(true);
  });
});
