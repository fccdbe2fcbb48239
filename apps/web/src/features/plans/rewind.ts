import type { ChangeView, JsonValue } from '@tenon/contract';
import { segmentsOf } from '../../ui/pointer.ts';
import { isObject, type PointShape } from './change/model.ts';
import { elementKey, keyOfList } from './keyed.ts';

/**
 * The plan as it stood before the given changes, oldest first: each is taken back, newest first.
 * The API keeps change lists, not copies of the plan; any earlier revision follows from the last.
 */
export function rewind(value: JsonValue, changes: readonly ChangeView[], points: readonly PointShape[]): JsonValue {
  let current = value;
  for (const change of [...changes].reverse()) {
    const undone = change.op === 'add' ? undefined : change.before;
    current = put(current, segmentsOf(change.path), [], undone, points) ?? null;
  }
  return current;
}

/** A copy of the value in which one place is set, or taken out where `next` is undefined. */
function put(
  value: JsonValue | undefined,
  rest: readonly string[],
  path: readonly string[],
  next: JsonValue | undefined,
  points: readonly PointShape[],
): JsonValue | undefined {
  const [head, ...tail] = rest;
  if (head === undefined) return next;
  const inside = [...path, head];
  if (Array.isArray(value)) {
    const key = keyOfList(path, points);
    const at = value.findIndex((element, index) => elementKey(element, index, key) === head);
    const changed = put(at < 0 ? undefined : value[at], tail, inside, next, points);
    if (at < 0) return changed === undefined ? value : [...value, changed];
    return changed === undefined ? value.filter((_, index) => index !== at) : value.map((element, index) => (index === at ? changed : element));
  }
  const members = isObject(value ?? null) ? { ...(value as { [key: string]: JsonValue }) } : {};
  const changed = put(Object.hasOwn(members, head) ? members[head] : undefined, tail, inside, next, points);
  if (changed === undefined) delete members[head];
  else members[head] = changed;
  return members;
}
