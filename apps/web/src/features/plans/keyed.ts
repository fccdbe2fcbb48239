import type { JsonValue } from '@tenon/contract';
import { covers, pointerOf } from '../../ui/pointer.ts';
import { isObject, type PointShape } from './change/model.ts';

/** What keys the list at a path, where a mutation point says so. */
export function keyOfList(path: readonly string[], points: readonly PointShape[]): readonly string[] | 'set' | null {
  const pointer = pointerOf(path);
  const point = points.find(
    (each) => each.merge === 'keyed_list' && each.key !== null && covers(each.path, pointer) && each.path.split('/').length === pointer.split('/').length,
  );
  return point?.key ?? null;
}

/** The segment that names an element: its key where the list has one, else its index. */
export function elementKey(element: JsonValue, index: number, key: readonly string[] | 'set' | null): string {
  if (key === null) return String(index);
  if (key === 'set') return canonical(element);
  return isObject(element) ? key.map((field) => String(element[field] ?? '')).join(',') : canonical(element);
}

/** JSON with sorted keys: equal values have equal texts. */
export function canonical(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (isObject(value)) {
    return `{${Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value);
}

/** The members of an object or list in a stable order, each under the segment that paths use for it. */
export function membersOf(value: JsonValue, path: readonly string[], points: readonly PointShape[]): readonly (readonly [string, JsonValue])[] {
  if (Array.isArray(value)) {
    const key = keyOfList(path, points);
    return value.map((element, index) => [elementKey(element, index, key), element] as const);
  }
  return isObject(value) ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : [];
}
