import type { ChangeView, JsonValue } from '@tenon/contract';
import { SECRET_REF_KEY } from '@tenon/vocabulary';
import { formatBytes } from '../../../ui/format.ts';
import { covers, segmentsOf } from '../../../ui/pointer.ts';

/** The one character that says what happened at a path. */
export type Glyph = '+' | '−' | '~';

/** What the views need of a driver's mutation points to tell an element of a keyed list from a member of a map. */
export interface PointShape {
  readonly path: string;
  readonly merge: 'singleton' | 'map' | 'keyed_list';
  readonly key: readonly string[] | 'set' | null;
}

interface Common {
  readonly glyph: Glyph;
  readonly path: string;
  /** The extension whose ownership passed on by a granted override. */
  readonly overrode: string | null;
}

/** One change as it is drawn; computing it is apart from drawing it. */
export type ChangeModel =
  | (Common & { readonly kind: 'scalar'; readonly before: string | null; readonly after: string | null })
  | (Common & { readonly kind: 'map'; readonly before: string | null; readonly after: string | null })
  | (Common & { readonly kind: 'keyed_list'; readonly key: string; readonly keyedBy: string; readonly before: string | null; readonly after: string | null })
  | (Common & { readonly kind: 'hidden'; readonly how: 'set' | 'changed' | 'removed' });

/** What a refused hook tried: nothing of it stands in the plan. */
export type RefusalModel =
  | { readonly kind: 'reserved'; readonly code: string; readonly path: string | null; readonly message: string }
  | { readonly kind: 'conflict'; readonly code: string; readonly path: string | null; readonly message: string; readonly owner: string | null }
  | { readonly kind: 'other'; readonly code: string; readonly path: string | null; readonly message: string };

const glyphs = { add: '+', remove: '−', replace: '~' } as const;

export function changeModel(change: ChangeView, points: readonly PointShape[] = []): ChangeModel {
  const common: Common = { glyph: glyphs[change.op], path: change.path, overrode: change.overrode };
  if (change.redacted || isSecret(change.before) || isSecret(change.after)) {
    return { ...common, kind: 'hidden', how: change.op === 'add' ? 'set' : change.op === 'remove' ? 'removed' : 'changed' };
  }
  const before = change.op === 'add' ? null : valueText(change.path, change.before);
  const after = change.op === 'remove' ? null : valueText(change.path, change.after);
  const list = elementOf(change.path, points);
  if (list) return { ...common, kind: 'keyed_list', ...list, before, after };
  if (isObject(change.before) || isObject(change.after)) return { ...common, kind: 'map', before, after };
  return { ...common, kind: 'scalar', before, after };
}

/** The element of a keyed list that a path names as a whole, and by what it is keyed. */
function elementOf(path: string, points: readonly PointShape[]): { readonly key: string; readonly keyedBy: string } | null {
  const segments = segmentsOf(path);
  const last = segments.at(-1);
  for (const point of points) {
    if (point.merge !== 'keyed_list' || point.key === null || last === undefined) continue;
    if (segments.length === segmentsOf(point.path).length + 1 && covers(point.path, path)) {
      return { key: last, keyedBy: point.key === 'set' ? 'value' : point.key.join(', ') };
    }
  }
  return null;
}

/** A refusal by its code: the error of an attempt, or of a replayed request. */
export function refusalModel(error: {
  readonly code: string;
  readonly message: string;
  readonly path?: string | undefined;
  readonly conflictsWith?: string | undefined;
}): RefusalModel {
  const path = error.path ?? error.message.match(/(?:^|[\s`'"])(\/[^\s`'",;]+)/)?.[1] ?? null;
  const common = { code: error.code, path, message: error.message };
  if (error.code === 'field_conflict') return { ...common, kind: 'conflict', owner: error.conflictsWith ?? null };
  if (error.code === 'reserved_field' || error.code === 'reserved_label' || error.code === 'point_closed') return { ...common, kind: 'reserved' };
  return { ...common, kind: 'other' };
}

/** A value on one line: bytes with units, small objects in full, large ones by what they hold. */
export function valueText(path: string, value: JsonValue): string {
  if (isSecret(value)) return 'hidden';
  if (typeof value === 'number' && /bytes$/i.test(path)) return formatBytes(value);
  if (typeof value === 'string') return value === '' ? '""' : value;
  if (Array.isArray(value))
    return value.every((item) => !isObject(item) && !Array.isArray(item)) && value.length <= 6 ? JSON.stringify(value) : `[ ${value.length} elements ]`;
  if (isObject(value)) return objectText(path, value);
  return String(value);
}

function objectText(path: string, value: { readonly [key: string]: JsonValue }): string {
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  if (entries.length === 0) return '{}';
  const text = entries
    .map(([key, item]) => `${key}: ${Array.isArray(item) || isObject(item) ? countText(item) : valueText(`${path}/${key}`, item)}`)
    .join(', ');
  return text.length <= 96 ? `{ ${text} }` : `{ ${entries.map(([key]) => key).join(', ')} }`;
}

const countText = (value: JsonValue): string => String(Array.isArray(value) ? value.length : isObject(value) ? Object.keys(value).length : value);

export function isObject(value: JsonValue): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isSecret(value: JsonValue): boolean {
  return isObject(value) && typeof value[SECRET_REF_KEY] === 'string' && Object.keys(value).length === 1;
}
