import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SAMPLE_SCHEMA } from './plan-sample.ts';
import { formatPointer, isUnder, matchesPattern, parsePointer } from './pointer.ts';
import { openPoints, resolvePoint } from './points.ts';

describe('pointers', () => {
  it('are read as they are written', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (segments) => {
        expect(parsePointer(formatPointer(segments))).toEqual(segments);
      }),
    );
    expect(parsePointer('/~01/a~1b/')).toEqual(['~1', 'a/b', '']);
  });

  it.each(['a', '#/a', '/~', '/a~2b', '/~~0'])('are refused where they are none: %s', (pointer) => {
    expect(() => parsePointer(pointer)).toThrow(expect.objectContaining({ code: 'patch_invalid' }));
  });

  it('stand under another by whole segments', () => {
    expect(isUnder('/labels/team', '/labels')).toBe(true);
    expect(isUnder('/labels', '/labels')).toBe(true);
    expect(isUnder('/labels', '')).toBe(true);
    expect(isUnder('/labelsets', '/labels')).toBe(false);
    expect(isUnder('/labels', '/labels/team')).toBe(false);
  });

  it.each([
    ['/labels/tenon.dev~1*', '/labels/tenon.dev~1sandbox-id', true],
    ['/labels/tenon.dev~1*', '/labels/tenon.device', false],
    ['/labels/tenon.dev~1*', '/labels/tenon.dev~1a/below', true],
    ['/mounts/*/auth', '/mounts/~1data/auth/user', true],
    ['/mounts/*/auth', '/mounts/~1data', false],
    ['/mounts/*/auth', '/mounts/a/b/auth', false],
    ['/env', '/env/A', true],
    ['/env', '/environment', false],
  ])('%s covers %s: %s', (pattern, path, covered) => {
    expect(matchesPattern(pattern, path)).toBe(covered);
  });
});

describe('points', () => {
  it('are found by name, and by the neutral names where the driver maps them', () => {
    expect(resolvePoint('docker.mounts', SAMPLE_SCHEMA)?.path).toBe('/mounts');
    expect(resolvePoint('*.env', SAMPLE_SCHEMA)?.name).toBe('docker.env');
    expect(resolvePoint('*.mounts', SAMPLE_SCHEMA)).toBeNull();
    expect(resolvePoint('*.labels', { ...SAMPLE_SCHEMA, neutral: {} })).toBeNull();
    expect(resolvePoint('kubernetes.labels', SAMPLE_SCHEMA)).toBeNull();
  });

  it('are open in the phases that they name, once each, and never where the phase only reads', () => {
    const names = (declared: string[], phase: 'prepare_plan' | 'before_create' | 'before_start' | 'after_ready'): string[] =>
      openPoints(declared, SAMPLE_SCHEMA, phase).map((point) => point.name);
    expect(names(['*.env', 'docker.env', 'docker.networks'], 'prepare_plan')).toEqual(['docker.env', 'docker.networks']);
    expect(names(['*.env', 'docker.networks'], 'before_create')).toEqual(['docker.networks']);
    expect(names(['*.env', 'docker.networks'], 'before_start')).toEqual(['docker.env']);
    expect(names(['*.env'], 'after_ready')).toEqual([]);
  });
});
