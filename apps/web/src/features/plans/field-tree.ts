import type { ChangeView, JsonValue, PlanRevisionView } from '@tenon/contract';
import { covers, isWithin, pointerOf } from '../../ui/pointer.ts';
import type { TreeRow } from '../../ui/tree-grid.tsx';
import { isObject, isSecret, type PointShape, valueText } from './change/model.ts';
import { keyOfList, membersOf } from './keyed.ts';

/** Who a field belongs to, as far as the change lists tell: what no extension changed came from request or driver. */
export type FieldOwner =
  | {
      readonly kind: 'extension';
      readonly name: string;
      readonly revision: string;
      readonly phase: string;
      readonly reason: string | null;
      readonly at: number;
    }
  | { readonly kind: 'reserved' }
  | { readonly kind: 'base' };

export interface FieldRow extends TreeRow {
  /** Where the field is; a fold of unchanged fields has none. */
  readonly path: string | null;
  readonly label: string;
  readonly text: string;
  readonly hidden: boolean;
  readonly owner: FieldOwner | null;
  readonly fold: { readonly count: number; readonly names: string } | null;
}

interface Authored {
  readonly change: ChangeView;
  readonly at: number;
}

export interface PlanShape {
  readonly value: JsonValue;
  readonly revisions: readonly PlanRevisionView[];
  readonly points: readonly PointShape[];
  readonly reserved: readonly string[];
}

/** The fields of a sealed plan as rows, what extensions set in full, what nobody changed folded with its count. */
export function fieldRows(plan: PlanShape, toggled: ReadonlySet<string>, filter: string): FieldRow[] {
  const changes = plan.revisions.flatMap((revision) => revision.changes.map((change): Authored => ({ change, at: revision.number })));
  const touched = (path: string) => changes.some(({ change }) => isWithin(path, change.path) || isWithin(change.path, path));
  const rows: FieldRow[] = [];
  const wanted = filter.trim().toLowerCase();

  const walk = (label: string, value: JsonValue, path: readonly string[], level: number): boolean => {
    const pointer = pointerOf(path);
    const owner = ownerOf(pointer, changes, plan.reserved);
    const secret = isSecret(value);
    const members = secret ? [] : membersOf(value, path, plan.points);
    const leaf =
      members.length === 0 || (Array.isArray(value) && keyOfList(path, plan.points) === null && value.every((item) => !isObject(item) && !Array.isArray(item)));
    const at = rows.length;
    const open = leaf ? undefined : wanted !== '' || !toggled.has(pointer);
    const text = leaf ? (secret ? '' : valueText(pointer, value)) : groupText(value, path, members.length, plan.points);
    rows.push({
      id: pointer,
      path: pointer,
      level,
      label,
      text,
      hidden: secret,
      owner: leaf || owner.kind === 'extension' ? owner : null,
      expanded: open,
      fold: null,
    });
    let hit = wanted === '' || `${pointer} ${text} ${owner.kind === 'extension' ? owner.name : owner.kind}`.toLowerCase().includes(wanted);
    if (open) for (const [key, member] of members) hit = walk(key, member, [...path, key], level + 1) || hit;
    if (!hit) rows.length = at;
    return hit;
  };

  const top = membersOf(plan.value, [], plan.points);
  const quiet = top.filter(([key]) => !touched(pointerOf([key])));
  if (quiet.length > 0 && wanted === '') {
    const open = toggled.has('unchanged');
    const names = quiet.map(([key]) => key);
    const shown = names.slice(0, 3).join(', ');
    rows.push({
      id: 'unchanged',
      path: null,
      level: 1,
      label: '',
      text: '',
      hidden: false,
      owner: null,
      expanded: open,
      fold: { count: quiet.reduce((sum, [, value]) => sum + countLeaves(value), 0), names: names.length > 3 ? `${shown} and ${names.length - 3} more` : shown },
    });
    if (open) for (const [key, value] of quiet) walk(key, value, [key], 2);
  } else if (wanted !== '') {
    for (const [key, value] of quiet) walk(key, value, [key], 1);
  }
  for (const [key, value] of top) if (touched(pointerOf([key]))) walk(key, value, [key], 1);
  return rows;
}

function groupText(value: JsonValue, path: readonly string[], size: number, points: readonly PointShape[]): string {
  if (!Array.isArray(value)) return size === 1 ? '1 key' : `${size} keys`;
  const key = keyOfList(path, points);
  return key === null ? `${size} elements` : `keyed by ${key === 'set' ? 'value' : key.join(', ')}`;
}

/** The last extension that set the field, or something around it. A change below makes nobody the owner of the whole. */
export function ownerOf(path: string, changes: readonly Authored[], reserved: readonly string[]): FieldOwner {
  const last = changes.findLast(({ change }) => change.by !== null && isWithin(change.path, path));
  if (last?.change.by) {
    const { by, reason } = last.change;
    return { kind: 'extension', name: by.extension, revision: by.revision, phase: by.phase, reason, at: last.at };
  }
  return reserved.some((pattern) => covers(pattern, path)) ? { kind: 'reserved' } : { kind: 'base' };
}

export function countLeaves(value: JsonValue): number {
  if (isSecret(value)) return 1;
  const members = Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
  return members.length === 0 ? 1 : members.reduce<number>((sum, member) => sum + countLeaves(member), 0);
}
