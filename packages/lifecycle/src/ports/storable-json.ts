// What JSON.stringify writes for NUL and for a lone surrogate; a pair is written as it is.
const SUSPECT = /\\u0000|\\u[dD][89abAB]|\\u[dD][c-fC-F]/;

/**
 * JSON text that every store can keep: PostgreSQL refuses NUL and lone surrogates in jsonb, so they are escaped (in keys too) rather
 * than letting a message or a log line stop the trace. Values that must not change are refused at the doors, long before.
 */
export function toStorableJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return SUSPECT.test(text) ? JSON.stringify(escaped(JSON.parse(text))) : text;
}

function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\\u0000');
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [escaped(key), escaped(inner)]));
  }
  return value;
}
