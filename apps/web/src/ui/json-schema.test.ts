import { describe, expect, it } from 'vitest';
import { fieldsOfSchema, readField, writeField } from './json-schema.ts';

const schema = {
  type: 'object',
  required: ['subnet'],
  properties: {
    subnet: { type: 'string', title: 'Subnet', description: 'CIDR' },
    size: { type: 'integer', default: 4 },
    share: { type: 'number' },
    strict: { type: 'boolean' },
    mode: { enum: ['fast', 'safe', 3] },
    hosts: { type: 'array', items: { type: 'string' } },
    limits: { type: 'object', properties: { cpu: { type: 'string' } }, required: ['cpu'] },
    rules: { type: 'array', items: { type: 'object' } },
    free: {},
  },
};

describe('fieldsOfSchema', () => {
  it('draws what it can and leaves the rest as JSON', () => {
    expect(fieldsOfSchema(schema)?.map((field) => [field.name, field.kind, field.required])).toEqual([
      ['subnet', 'text', true],
      ['size', 'integer', false],
      ['share', 'number', false],
      ['strict', 'boolean', false],
      ['mode', 'choice', false],
      ['hosts', 'list', false],
      ['limits', 'group', false],
      ['rules', 'json', false],
      ['free', 'json', false],
    ]);
    expect(fieldsOfSchema(schema)?.[6]?.fields[0]).toMatchObject({ name: 'cpu', kind: 'text', required: true });
    expect(fieldsOfSchema(schema)?.[0]).toMatchObject({ label: 'Subnet', hint: 'CIDR' });
  });
  it('draws a schema whose alternatives only say what is required', () => {
    expect(
      fieldsOfSchema({
        type: 'object',
        properties: { tcp: { type: 'object' }, modes: { type: 'array', items: { enum: ['a', 'b'] } } },
        oneOf: [{ required: ['tcp'] }, { required: ['command'] }],
      })?.map((field) => field.kind),
    ).toEqual(['json', 'list']);
  });
  it('draws no schema that it would get wrong', () => {
    expect(fieldsOfSchema({ oneOf: [] })).toBeNull();
    expect(fieldsOfSchema({ type: 'object', properties: {}, anyOf: [] })).toBeNull();
    expect(fieldsOfSchema({ type: 'object', properties: { a: {} }, oneOf: [{ properties: { a: {} } }] })).toBeNull();
    expect(fieldsOfSchema(null)).toBeNull();
    expect(fieldsOfSchema('x')).toBeNull();
  });
});

describe('readField and writeField', () => {
  const fields = fieldsOfSchema(schema) ?? [];
  const at = (name: string) => fields.find((field) => field.name === name) ?? { kind: 'json' as const, choices: [] };
  it('go there and back', () => {
    const values = { subnet: '10.0.0.0/24', size: 4, share: 0.5, strict: false, mode: 3, hosts: ['a', 'b'], rules: [{ a: 1 }], limits: { cpu: '1' } };
    for (const [name, value] of Object.entries(values)) expect(readField(at(name), writeField(at(name), value)).value).toEqual(value);
  });
  it('leave out what is not given', () => {
    for (const field of fields) expect(readField(field, '')).toEqual({ value: undefined, error: null });
  });
  it('say what is no value instead of guessing', () => {
    expect(readField(at('size'), '4.5').error).toBe('4.5 is no whole number.');
    expect(readField(at('size'), 'four').error).toBe('"four" is no number.');
    expect(readField(at('rules'), '[').error).toMatch(/no JSON/);
  });
});
