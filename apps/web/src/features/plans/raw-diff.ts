import type { JsonValue } from '@tenon/contract';
import { pointerOf } from '../../ui/pointer.ts';
import { isObject, isSecret, type PointShape } from './change/model.ts';
import { canonical, membersOf } from './keyed.ts';

/** One line of two plans side by side; a side that has nothing there is null. */
export interface RawLine {
  readonly left: string | null;
  readonly right: string | null;
  readonly leftNumber: number | null;
  readonly rightNumber: number | null;
  readonly changed: boolean;
  /** The field that the line belongs to. */
  readonly path: string;
}

/** A run of lines, or a fold of lines that nobody changed. */
export type RawBlock =
  | { readonly kind: 'lines'; readonly lines: readonly RawLine[] }
  | { readonly kind: 'fold'; readonly id: string; readonly lines: readonly RawLine[]; readonly names: string };

const HIDDEN_TEXT = '"hidden"';

/**
 * Two plans as JSON text, aligned by their structure and not by their text: linear in their size, an element of a keyed list
 * beside its namesake, and every line knows its field.
 */
export function rawDiff(left: JsonValue, right: JsonValue, points: readonly PointShape[]): RawLine[] {
  const lines: RawLine[] = [];
  let leftNumber = 0;
  let rightNumber = 0;
  const push = (a: string | null, b: string | null, path: string, changed: boolean) => {
    lines.push({ left: a, right: b, leftNumber: a === null ? null : ++leftNumber, rightNumber: b === null ? null : ++rightNumber, changed, path });
  };

  const both = (a: JsonValue, b: JsonValue, path: readonly string[], lead: Sides, tail: Sides) => {
    const pointer = pointerOf(path);
    const comparable = !isSecret(a) && !isSecret(b) && ((Array.isArray(a) && Array.isArray(b)) || (isObject(a) && isObject(b)));
    if (!comparable) {
      const same = canonical(a) === canonical(b);
      if (same && isScalar(a)) push(`${lead.left}${scalar(a)}${tail.left}`, `${lead.right}${scalar(b)}${tail.right}`, pointer, false);
      else if (isScalar(a) && isScalar(b)) push(`${lead.left}${scalar(a)}${tail.left}`, `${lead.right}${scalar(b)}${tail.right}`, pointer, true);
      else {
        one(a, path, lead.left, tail.left, 'left');
        one(b, path, lead.right, tail.right, 'right');
      }
      return;
    }
    const [open, close] = Array.isArray(a) ? ['[', ']'] : ['{', '}'];
    const leftMembers = new Map(membersOf(a, path, points));
    const rightMembers = new Map(membersOf(b, path, points));
    if (leftMembers.size === 0 && rightMembers.size === 0) {
      push(`${lead.left}${open}${close}${tail.left}`, `${lead.right}${open}${close}${tail.right}`, pointer, false);
      return;
    }
    push(`${lead.left}${open}`, `${lead.right}${open}`, pointer, false);
    const keys = mergedKeys(leftMembers, rightMembers, !Array.isArray(a));
    const lastLeft = [...leftMembers.keys()].at(-1);
    const lastRight = [...rightMembers.keys()].at(-1);
    const indent = `${indentOf(lead.right)}  `;
    for (const key of keys) {
      const name = Array.isArray(a) ? indent : `${indent}${JSON.stringify(key)}: `;
      const inner = [...path, key];
      const ends: Sides = { left: key === lastLeft ? '' : ',', right: key === lastRight ? '' : ',' };
      if (leftMembers.has(key) && rightMembers.has(key))
        both(leftMembers.get(key) ?? null, rightMembers.get(key) ?? null, inner, { left: name, right: name }, ends);
      else if (leftMembers.has(key)) one(leftMembers.get(key) ?? null, inner, name, ends.left, 'left');
      else one(rightMembers.get(key) ?? null, inner, name, ends.right, 'right');
    }
    push(`${indentOf(lead.left)}${close}${tail.left}`, `${indentOf(lead.right)}${close}${tail.right}`, pointer, false);
  };

  const one = (value: JsonValue, path: readonly string[], lead: string, tail: string, side: 'left' | 'right') => {
    const pointer = pointerOf(path);
    const line = (text: string) => (side === 'left' ? push(text, null, pointer, true) : push(null, text, pointer, true));
    const members = isSecret(value) ? [] : membersOf(value, path, points);
    if (members.length === 0) {
      line(`${lead}${scalar(value)}${tail}`);
      return;
    }
    const list = Array.isArray(value);
    line(`${lead}${list ? '[' : '{'}`);
    members.forEach(([key, member], index) => {
      one(member, [...path, key], list ? `${indentOf(lead)}  ` : `${indentOf(lead)}  ${JSON.stringify(key)}: `, index === members.length - 1 ? '' : ',', side);
    });
    line(`${indentOf(lead)}${list ? ']' : '}'}${tail}`);
  };

  both(left, right, [], { left: '', right: '' }, { left: '', right: '' });
  return lines;
}

interface Sides {
  readonly left: string;
  readonly right: string;
}

const indentOf = (lead: string): string => lead.match(/^ */)?.[0] ?? '';
const isScalar = (value: JsonValue): boolean =>
  isSecret(value) ||
  (!isObject(value) && !Array.isArray(value)) ||
  (Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0);
const scalar = (value: JsonValue): string => (isSecret(value) ? HIDDEN_TEXT : JSON.stringify(value));

/** Keys of both sides: sorted for objects, in the right side's order for lists with what is gone where it stood. */
function mergedKeys(left: ReadonlyMap<string, JsonValue>, right: ReadonlyMap<string, JsonValue>, sorted: boolean): readonly string[] {
  if (sorted) return [...new Set([...left.keys(), ...right.keys()])].sort();
  const merged = [...right.keys()];
  let at = 0;
  for (const key of left.keys()) {
    const found = merged.indexOf(key);
    if (found >= 0) at = found + 1;
    else merged.splice(at++, 0, key);
  }
  return merged;
}

/** Folds lines that nobody changed, leaving `context` of them around each change. */
export function foldUnchanged(lines: readonly RawLine[], context = 2): RawBlock[] {
  const near = new Set<number>();
  lines.forEach((line, index) => {
    if (line.changed) for (let at = index - context; at <= index + context; at++) near.add(at);
  });
  const blocks: RawBlock[] = [];
  let at = 0;
  while (at < lines.length) {
    const keep = near.has(at);
    let end = at;
    while (end < lines.length && near.has(end) === keep) end += 1;
    const part = lines.slice(at, end);
    // A fold that hides as little as it takes itself helps nobody.
    if (keep || part.length <= 2) blocks.push({ kind: 'lines', lines: part });
    else blocks.push({ kind: 'fold', id: `fold${at}`, lines: part, names: namesIn(part) });
    at = end;
  }
  return blocks;
}

function namesIn(lines: readonly RawLine[]): string {
  const names = [...new Set(lines.map(({ path }) => path.split('/')[1] ?? '').filter((name) => name !== ''))];
  return names.length > 4 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(', ');
}
