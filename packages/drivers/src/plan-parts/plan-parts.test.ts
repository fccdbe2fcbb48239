import type { PlanSchema } from '@tenon/lifecycle';
import { aRequest } from '@tenon/lifecycle/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { backendName, identityLabels } from './identity.ts';
import { duplicateIssues, shapeIssues, textOrSecret } from './plan-issues.ts';
import { cpuMillis, memoryBytes } from './quantity.ts';
import { readConfig, refuseUnsupported } from './refusals.ts';

describe('quantities', () => {
  it.each([
    ['500m', 500],
    ['2', 2000],
    ['0.5', 500],
    ['1.5', 1500],
    ['1m', 1],
  ])('reads %s as %d thousandths of a core', (text, millis) => expect(cpuMillis(text, '/x')).toBe(millis));

  it.each(['', '0', '-1', '1e3', '500M', 'abc', ' 1', '0m'])('refuses the CPU quantity "%s"', (text) => {
    expect(() => cpuMillis(text, '/template/resources/cpuLimit')).toThrow(expect.objectContaining({ code: 'validation_failed' }));
  });

  it.each([
    ['128Mi', 134_217_728],
    ['1G', 1_000_000_000],
    ['64k', 64_000],
    ['1048576', 1_048_576],
    ['0.5Gi', 536_870_912],
  ])('reads %s as %d bytes', (text, bytes) => expect(memoryBytes(text, '/x')).toBe(bytes));

  it.each(['', '0', '12MB', '1m', '-1Mi', '99999999Ti', '1 Mi'])('refuses the memory quantity "%s"', (text) => {
    expect(() => memoryBytes(text, '/x')).toThrow(expect.objectContaining({ code: 'validation_failed' }));
  });
});

describe('identity', () => {
  it('names deterministically and labels for gateway and installation', () => {
    const request = aRequest({ name: 'demo', workspace: 'team-a' });
    expect(backendName(request, 'id-1')).toBe('openshell-team-a--demo-id-1');
    expect(identityLabels(request, 'id-1', { installation: 'inst', namespace: 'ns' })).toEqual({
      'openshell.ai/managed-by': 'openshell',
      'openshell.ai/sandbox-id': 'id-1',
      'openshell.ai/sandbox-name': 'demo',
      'openshell.ai/sandbox-namespace': 'ns',
      'openshell.ai/sandbox-workspace': 'team-a',
      'tenon.dev/sandbox-id': 'id-1',
      'tenon.dev/installation': 'inst',
    });
  });
});

describe('refusals', () => {
  it('names the field that cannot be honoured, and says why', () => {
    expect(() => refuseUnsupported(aRequest({ gpu: { count: 1 } }), 'process', { gpu: 'has no devices' })).toThrow('gpu: driver process has no devices');
    expect(() => refuseUnsupported(aRequest({ tty: true }), 'process', { tty: 'has no terminal' })).toThrow('tty');
    refuseUnsupported(aRequest(), 'process', { gpu: 'has no devices', tty: 'has no terminal' });
  });

  it('points at an unknown field of a config block, however deep', () => {
    const schema = z.strictObject({ limits: z.strictObject({ nofile: z.number().optional() }).optional() });
    expect(() => readConfig(schema, 'process', { limits: { nproc: 1 } })).toThrow(
      expect.objectContaining({ code: 'unknown_field', context: expect.objectContaining({ pointer: '/template/driverConfig/process/limits/nproc' }) }),
    );
    expect(() => readConfig(schema, 'process', { limits: { nofile: 'x' } })).toThrow(
      expect.objectContaining({ code: 'validation_failed', context: expect.objectContaining({ pointer: '/template/driverConfig/process/limits/nofile' }) }),
    );
  });
});

describe('plan issues', () => {
  const schema: PlanSchema = {
    kind: 'process',
    lists: [{ path: '/files', key: ['path'], ordered: false }],
    points: [],
    reserved: [],
    secrets: [],
    neutral: {},
  };
  const shape = z.strictObject({ files: z.array(z.strictObject({ path: z.string(), contents: textOrSecret })) });

  it('names elements of keyed lists by their key', () => {
    expect(shapeIssues(shape, { files: [{ path: 'a/b', contents: 1 }] }, schema)).toEqual([
      { path: '/files/a~1b/contents', message: 'must be text without NUL, or a secret reference' },
    ]);
    expect(shapeIssues(shape, { files: [{ path: 'a', contents: 'x', odd: 1 }] }, schema)).toMatchObject([{ path: '/files/a/odd' }]);
    expect(shapeIssues(shape, { files: [{ path: 'a', contents: { $secret: 'id' } }] }, schema)).toEqual([]);
  });

  it('finds duplicates', () => expect(duplicateIssues('/files', ['a', 'b', 'a'])).toMatchObject([{ path: '/files/a' }]));
});
