import { FORBIDDEN_KEYS } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';

/** JSON Pointers (RFC 6901) and the patterns of a PlanSchema. */

const FORBIDDEN: ReadonlySet<string> = new Set(FORBIDDEN_KEYS);

/** Keys that never resolve: `__proto__`, `constructor`, `prototype`. */
export function isForbiddenKey(key: string): boolean {
  return FORBIDDEN.has(key);
}

/** Segments of a pointer, unescaped. Throws `patch_invalid` where it is not a JSON Pointer. */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw invalidPointer(pointer, 'it must be empty or start with "/"');
  const segments = pointer.slice(1).split('/');
  if (!pointer.includes('~')) return segments;
  return segments.map((segment) => {
    if (/~(?![01])/.test(segment)) throw invalidPointer(pointer, '"~" must be followed by 0 or 1');
    return segment.replaceAll('~1', '/').replaceAll('~0', '~');
  });
}

export function formatPointer(segments: readonly string[]): string {
  let pointer = '';
  for (const segment of segments) pointer += `/${escapeSegment(segment)}`;
  return pointer;
}

export function escapeSegment(segment: string): string {
  return segment.includes('~') || segment.includes('/') ? segment.replaceAll('~', '~0').replaceAll('/', '~1') : segment;
}

/** Whether `path` is `ancestor` or stands below it, by whole segments. Both are pointers. */
export function isUnder(path: string, ancestor: string): boolean {
  return path.startsWith(ancestor) && (path.length === ancestor.length || path.charCodeAt(ancestor.length) === 47);
}

/** Whether one segment of a pattern matches: `*` any, `foo*` by prefix, else equal. */
export function segmentMatches(pattern: string, segment: string): boolean {
  return pattern.endsWith('*') ? segment.startsWith(pattern.slice(0, -1)) : pattern === segment;
}

/** Whether a pattern covers a path: it matches the path or something above it. Both as segments. */
export function coversPath(pattern: readonly string[], path: readonly string[]): boolean {
  if (pattern.length > path.length) return false;
  for (let i = 0; i < pattern.length; i += 1) {
    if (!segmentMatches(pattern[i] ?? '', path[i] ?? '')) return false;
  }
  return true;
}

/** Whether a pattern, as a PlanSchema writes it, covers a path; both as pointers. */
export function matchesPattern(pattern: string, path: string): boolean {
  return coversPath(parsePointer(pattern), parsePointer(path));
}

function invalidPointer(pointer: string, why: string): TenonError {
  return new TenonError('patch_invalid', `${JSON.stringify(pointer.slice(0, 200))} is not a JSON Pointer: ${why}`, {
    path: pointer.slice(0, 200),
    hint: 'Write paths as RFC 6901 has them: /labels/team, with ~0 for ~ and ~1 for /.',
  });
}
