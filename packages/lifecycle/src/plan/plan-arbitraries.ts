import fc from 'fast-check';
import type { Json } from '../json.ts';
import { formatPointer } from './pointer.ts';

/** Random plans and patches for the property tests of this folder. */

const word = fc.constantFrom('a', 'b', 'c/d', 'e~f', 'tenon.dev/x', '');

export const anyJson: fc.Arbitrary<Json> = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false, 0, 1, -2.5, '', 'x', 'y'),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(word, tie('json'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).json;

const keyed = (key: string, keys: readonly string[], ordered: boolean): fc.Arbitrary<Json[]> =>
  fc
    .subarray([...keys], { minLength: 0 })
    .chain((chosen) => (ordered ? fc.shuffledSubarray(chosen, { minLength: chosen.length }) : fc.constant(chosen)))
    .chain((chosen) =>
      fc.tuple(
        ...chosen.map((name) =>
          fc.record({ value: anyJson, more: anyJson }, { requiredKeys: [], noNullPrototype: true }).map((rest): Json => ({ [key]: name, ...rest })),
        ),
      ),
    );

/** A plan in the shape of the sample, every part optional. */
export const anyPlan: fc.Arbitrary<Json> = fc
  .record(
    {
      name: fc.constantFrom('box', 'other'),
      labels: fc.dictionary(fc.constantFrom('team', 'tier', 'tenon.dev/sandbox-id'), fc.constantFrom('x', 'y'), { maxKeys: 3, noNullPrototype: true }),
      env: fc.dictionary(fc.constantFrom('A', 'B', 'TENON_X'), anyJson, { maxKeys: 3, noNullPrototype: true }),
      mounts: keyed('target', ['/a', '/b', '/c', '/d'], false),
      steps: keyed('id', ['1', '2', '3', '4', '5'], true),
      security: fc.record({ capAdd: fc.subarray(['X', 'Y', 'Z']), privileged: fc.boolean() }, { requiredKeys: [], noNullPrototype: true }),
      free: anyJson,
    },
    { requiredKeys: [], noNullPrototype: true },
  )
  .map((plan) => plan as Json);

export interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: Json;
}

/** Every pointer into a value, and some beside it. */
function pointersOf(value: Json, at: readonly string[] = []): string[] {
  const here = [formatPointer(at)];
  if (Array.isArray(value)) {
    here.push(formatPointer([...at, '-']), formatPointer([...at, String(value.length)]));
    for (const [i, element] of value.entries()) here.push(...pointersOf(element, [...at, String(i)]));
  } else if (typeof value === 'object' && value !== null) {
    here.push(formatPointer([...at, 'new']));
    for (const [key, member] of Object.entries(value)) here.push(...pointersOf(member, [...at, key]));
  }
  return here;
}

export function anyPatches(document: Json, most = 6): fc.Arbitrary<PatchOperation[]> {
  const pointer = fc.constantFrom(...pointersOf(document));
  return fc.array(
    fc.oneof(
      fc.record({ op: fc.constantFrom('add', 'replace', 'test'), path: pointer, value: anyJson }),
      fc.record({ op: fc.constant('remove'), path: pointer }),
      fc.record({ op: fc.constantFrom('move', 'copy'), path: pointer, from: pointer }),
    ),
    { minLength: 1, maxLength: most },
  );
}
