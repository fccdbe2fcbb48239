import { describe, expect, it } from 'vitest';
import { caught } from '../../testing/registry-builders.ts';
import type { Json, JsonObject } from '../json.ts';
import { checkConfig, checkSchema, propertyNames } from './config-schema.ts';
import { SCHEMA_BOUNDS } from './untrusted-schema.ts';

const SUBNET: JsonObject = {
  type: 'object',
  properties: { subnet: { type: 'string' }, size: { type: 'integer', minimum: 1 } },
  required: ['subnet'],
  additionalProperties: false,
};
const nested = (depth: number): JsonObject => (depth === 0 ? {} : { properties: { a: nested(depth - 1) } });

describe('a config schema', () => {
  const refused: readonly [string, JsonObject, string][] = [
    ['an unknown type', { type: 'strnig' }, ''],
    ['an unknown keyword', { type: 'object', proprties: {} }, ''],
    ['a remote reference', { $ref: 'https://example.com/schema.json' }, '/$ref'],
    ['a reference to the meta schema', { properties: { a: { $ref: 'https://json-schema.org/draft/2020-12/schema' } } }, '/properties/a/$ref'],
    ['a reference to nothing', { $ref: '#/$defs/absent' }, ''],
    ['a reference by anchor', { $ref: '#foo' }, '/$ref'],
    ['a reference that does not decode', { $ref: '#/%E0%A4%A' }, '/$ref'],
    ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, '/$schema'],
    ['an id of its own', { $id: 'https://example.com/x' }, '/$id'],
    ['asynchronous validation', { $async: true, type: 'object' }, '/$async'],
    ['a dynamic reference', { $dynamicRef: '#x' }, '/$dynamicRef'],
    ['a lookahead', { properties: { a: { pattern: '^(?=a)b' } } }, '/properties/a/pattern'],
    ['a back-reference', { patternProperties: { '(a)\\1': {} } }, '/patternProperties/(a)\\1'],
    ['a broken pattern', { properties: { a: { pattern: '(' } } }, '/properties/a/pattern'],
    ['a pattern too long', { pattern: 'a'.repeat(SCHEMA_BOUNDS.patternLength + 1) }, '/pattern'],
    ['repeat counts that make a pattern huge', { pattern: '^(a|b|ab){0,1000}$' }, '/pattern'],
    ['too much depth', nested(SCHEMA_BOUNDS.depth), ''],
    ['too many bytes', { description: 'x'.repeat(SCHEMA_BOUNDS.bytes) }, ''],
    ['a polluting key', { properties: JSON.parse('{"__proto__": {}}') as JsonObject }, '/properties/__proto__'],
  ];
  it.each(refused)('with %s is refused', (_what, schema, pointer) => {
    const error = caught(() => checkSchema(schema));
    expect(error.code).toBe('validation_failed');
    expect(error.context.pointer).toBe(`/manifest/configSchema${pointer}`);
    expect(error.context.hint).toBeTruthy();
  });

  it('may share parts by reference, but neither multiply them nor go in circles', () => {
    const chain = (levels: number): JsonObject => ({
      $ref: '#/$defs/a0',
      $defs: Object.fromEntries(
        [...Array(levels).keys()].map((level) => [
          `a${level}`,
          level + 1 < levels ? { allOf: [{ $ref: `#/$defs/a${level + 1}` }, { $ref: `#/$defs/a${level + 1}` }] } : {},
        ]),
      ),
    });
    expect(() => checkSchema(chain(5))).not.toThrow();
    expect(caught(() => checkSchema(chain(60))).message).toContain('written out');
    for (const schema of [{ properties: { a: { $ref: '#' } } }, { $defs: { a: { items: { $ref: '#/$defs/b' } }, b: { not: { $ref: '#/$defs/a' } } } }]) {
      expect(caught(() => checkSchema(schema)).message).toContain('in a circle');
    }
    expect(() => checkSchema({ type: 'object', default: { $ref: '#' } })).not.toThrow();
  });

  it('survives nesting that would end the stack', () => {
    let deep: Json = {};
    for (let level = 0; level < 256_000; level += 1) deep = { a: deep };
    expect(caught(() => checkSchema({ default: deep })).message).toContain('nested deeper');
    expect(caught(() => checkConfig(null, { a: deep })).code).toBe('config_invalid');
  });

  it('may have properties that are called like refused keywords, and data that looks like a schema', () => {
    expect(() =>
      checkSchema({ type: 'object', properties: { $id: { type: 'string' }, pattern: { type: 'string' } }, default: { $ref: 'x', pattern: '(' } }),
    ).not.toThrow();
  });

  it('may use formats: known ones are asserted, others are notes', () => {
    const schema: JsonObject = { type: 'object', properties: { ip: { type: 'string', format: 'ipv4' }, net: { type: 'string', format: 'cidrv4' } } };
    expect(() => checkConfig(schema, { ip: '10.0.0.1', net: 'anything' })).not.toThrow();
    expect(caught(() => checkConfig(schema, { ip: '10.0.0' })).context.pointer).toBe('/config/ip');
  });

  it('cannot stop the product by a pattern that a backtracking engine would never finish', () => {
    const started = performance.now();
    const schema: JsonObject = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } };
    expect(caught(() => checkConfig(schema, { a: `${'a'.repeat(5_000)}!` })).code).toBe('config_invalid');
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('a config', () => {
  it('is judged by each pattern of its schema, not by one of them', () => {
    const schema: JsonObject = { type: 'object', properties: { a: { type: 'string', pattern: '^a+$' }, b: { type: 'string', pattern: '^b+$' } } };
    expect(() => checkConfig(schema, { a: 'aa', b: 'bb' })).not.toThrow();
    expect(caught(() => checkConfig(schema, { a: 'aa', b: 'aa' })).context.pointer).toBe('/config/b');
  });

  it('that fits is accepted, again and again', () => {
    for (let time = 0; time < 3; time += 1) expect(() => checkConfig(SUBNET, { subnet: '10.30.0.0/24', size: 3 })).not.toThrow();
  });

  const faults: readonly [string, JsonObject, string, string][] = [
    ['a wrong type', { subnet: 7 }, '/config/subnet', 'subnet is 7'],
    ['a missing key', {}, '/config/subnet', '"subnet" is missing'],
    ['a key too many', { subnet: 'x', 'a/b': 1 }, '/config/a~1b', '"a/b" is no key'],
    ['a value out of range', { subnet: 'x', size: 0 }, '/config/size', 'size is 0: it must be >= 1'],
  ];
  it.each(faults)('with %s is refused by pointer, value, rule and way out', (_what, config, pointer, message) => {
    const error = caught(() => checkConfig(SUBNET, config, { extension: 'net' }));
    expect(error.code).toBe('config_invalid');
    expect(error.context).toMatchObject({ pointer, extension: 'net' });
    expect(error.message).toContain(message);
    expect(error.context.hint).toBeTruthy();
  });

  it('tells every fault at once', () => {
    expect(caught(() => checkConfig(SUBNET, { size: 'x', other: 1 })).message.split('; ')).toHaveLength(3);
  });

  it('may lack what a request will supply', () => {
    expect(() => checkConfig(SUBNET, {}, { maySupply: ['subnet'] })).not.toThrow();
    expect(() => checkConfig(SUBNET, { size: 0 }, { maySupply: ['subnet'] })).toThrow();
  });

  it('is empty where there is no schema', () => {
    expect(() => checkConfig(null, {})).not.toThrow();
    expect(caught(() => checkConfig(null, { a: 1 })).context.pointer).toBe('/config/a');
  });

  it('with a polluting key, too much depth or too many bytes is refused', () => {
    expect(caught(() => checkConfig({}, JSON.parse('{"a": {"__proto__": 1}}') as JsonObject)).context.pointer).toBe('/config/a/__proto__');
    expect(caught(() => checkConfig({}, { a: 'x'.repeat(SCHEMA_BOUNDS.configBytes) })).message).toContain('bytes');
  });
});

describe('the names of a config', () => {
  it('are found behind references and combinations, and in circles', () => {
    const schema: JsonObject = {
      $ref: '#/$defs/main',
      $defs: { main: { properties: { a: {} }, allOf: [{ properties: { b: {} } }, { $ref: '#/$defs/main' }] } },
    };
    expect(propertyNames(schema)).toEqual(['a', 'b']);
    expect(propertyNames(null)).toEqual([]);
  });
});
