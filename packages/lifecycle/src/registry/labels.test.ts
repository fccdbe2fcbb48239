import { ASKING_VALUES, DECLINING_VALUES } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { aRequest } from '../../testing/fake-plan.ts';
import { caught } from '../../testing/registry-builders.ts';
import { askedKeys, refuseReservedEnvironment } from './labels.ts';

const label = (key: string) => `openshell.io/extension.${key}`;

describe('activation labels', () => {
  it.each([...ASKING_VALUES])('%j asks', (value) => {
    expect(askedKeys({ [label('net')]: value }).asked).toEqual(['net']);
    expect(askedKeys({ [label('net')]: `  ${value.toUpperCase()}\t` }).asked).toEqual(['net']);
  });

  it.each([...DECLINING_VALUES])('%j declines', (value) => {
    const keys = askedKeys({ [label('net')]: ` ${value.toUpperCase()} ` });
    expect(keys).toEqual({ asked: [], declined: ['net'], forwarded: [] });
  });

  it.each(['maybe', 'enabled!', 'tru', '2', 'yes please'])('%j is refused, with its pointer', (value) => {
    const error = caught(() => askedKeys({ [label('net')]: value }));
    expect(error.code).toBe('validation_failed');
    expect(error.context.pointer).toBe('/template/labels/openshell.io~1extension.net');
    expect(error.message).toContain(JSON.stringify(value));
    expect(error.context.hint).toContain('enabled');
  });

  it.each(['', '.', '..', 'a b', 'a/b'])('the key %j, which no extension can have, is refused', (key) => {
    expect(caught(() => askedKeys({ [label(key)]: 'enabled' })).code).toBe('validation_failed');
  });

  it('answers keys in code-unit order and leaves other labels alone', () => {
    expect(askedKeys({ [label('b')]: 'on', team: 'x', [label('B')]: '1', [label('a')]: 'y', 'example.com/openshell.ai/x': '1' }).asked).toEqual([
      'B',
      'a',
      'b',
    ]);
  });

  it('forwards the keys of the external driver without judging them', () => {
    expect(askedKeys({ [label('theirs')]: 'whatever', [label('ours')]: 'on' }, ['theirs'])).toEqual({ asked: ['ours'], declined: [], forwarded: ['theirs'] });
  });
});

describe('reserved names', () => {
  it.each([
    'openshell.ai/managed-by',
    'openshell.io/other',
    'openshell.io/extension',
    'openshell.managed',
    'agents.x-k8s.io/pod-name',
    'extensions.agents.x-k8s.io/claim',
    'tenon.dev/sandbox-id',
  ])('label %s is refused', (name) => {
    const error = caught(() => askedKeys({ [name]: 'x' }));
    expect(error.code).toBe('reserved_label');
    expect(error.context.pointer).toBe(`/template/labels/${name.replaceAll('/', '~1')}`);
  });

  it('environment names are refused in the request and in its template', () => {
    const own = caught(() => refuseReservedEnvironment(aRequest({ environment: { OPENSHELL_TOKEN: 'x' } })));
    expect([own.code, own.context.pointer]).toEqual(['reserved_field', '/environment/OPENSHELL_TOKEN']);
    const template = caught(() => refuseReservedEnvironment(aRequest({ template: { environment: { TENON_X: 'x' } } })));
    expect([template.code, template.context.pointer]).toEqual(['reserved_field', '/template/environment/TENON_X']);
    expect(() => refuseReservedEnvironment(aRequest({ environment: { PATH: '/bin', MY_OPENSHELL_X: '1' } }))).not.toThrow();
  });
});
