import { escapeSegment } from '../plan/pointer.ts';

/** The JSON Pointer (RFC 6901) of these segments, escaped. */
export function pointerTo(...segments: readonly (string | number)[]): string {
  return segments.map((segment) => `/${escapeSegment(String(segment))}`).join('');
}

/** A value as a message shows it: quoted, in one line, bounded. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** A list of names for a message; `none` where it is empty. */
export function listed(names: readonly string[], none = 'none'): string {
  return names.length === 0 ? none : names.join(', ');
}
