/** JSON Pointers in which the segment after a keyed list is the element's key. */
export function segmentsOf(pointer: string): readonly string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

export function pointerOf(segments: readonly string[]): string {
  return segments.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Whether `inner` is `outer` or lies below it, by whole segments. */
export function isWithin(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(`${outer}/`);
}

/** Whether a pattern covers a path: `*` is any one segment, a segment that ends in `*` matches by prefix. */
export function covers(pattern: string, path: string): boolean {
  const want = segmentsOf(pattern);
  const have = segmentsOf(path);
  return want.length <= have.length && want.every((segment, index) => matches(segment, have[index] ?? ''));
}

function matches(pattern: string, segment: string): boolean {
  return pattern.endsWith('*') ? segment.startsWith(pattern.slice(0, -1)) : pattern === segment;
}
