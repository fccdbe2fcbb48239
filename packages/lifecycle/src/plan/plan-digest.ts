import { createHash } from 'node:crypto';
import type { Json } from '../json.ts';

/** Parts whose text is shorter are written again: keeping them costs more than it saves. */
const KEPT_LENGTH = 512;

/** Canonical text of parts of plans. A plan is never changed in place, so a part that two revisions share is written once. */
const TEXTS = new WeakMap<object, string>();

/**
 * The same as `digestOf`, for plans: what a revision shares by reference with an earlier one is not written again.
 * Only for values that nobody changes in place.
 */
export function planDigest(plan: Json): string {
  return createHash('sha256').update(textOf(plan)).digest('hex');
}

/** RFC 8785: keys sorted by their UTF-16 code units, numbers and text as ECMAScript writes them. */
function textOf(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const known = TEXTS.get(value);
  if (known !== undefined) return known;
  let text: string;
  if (Array.isArray(value)) {
    text = `[${value.map(textOf).join(',')}]`;
  } else {
    const members: string[] = [];
    for (const key of Object.keys(value).sort()) members.push(`${JSON.stringify(key)}:${textOf(value[key] ?? null)}`);
    text = `{${members.join(',')}}`;
  }
  if (text.length >= KEPT_LENGTH) TEXTS.set(value, text);
  return text;
}
