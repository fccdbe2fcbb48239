import { randomFillSync } from 'node:crypto';

// One pool of random bytes, and their hexadecimal text, for all ids: a call to the operating system, or even a conversion, for each would
// dominate the cost of an attempt.
const pool = Buffer.alloc(16_384);
const ZEROS = '0'.repeat(32);
let digits = '';
let used = 0;

/** Where this many unused digits begin in `digits`. */
function take(count: number): number {
  if (used + count > digits.length) {
    randomFillSync(pool);
    digits = pool.toString('hex');
    used = 0;
  }
  used += count;
  return used - count;
}

let prefixOf = Number.NaN;
let prefix = '';

/** A UUID v7 (RFC 9562): 48 bits of milliseconds, then random, so that ids sort by when they were made. */
export function newId(now = Date.now()): string {
  if (now !== prefixOf) {
    const time = now.toString(16).padStart(12, '0');
    prefix = `${time.slice(0, 8)}-${time.slice(8)}-7`;
    prefixOf = now;
  }
  const at = take(20);
  const variant = '89ab'.charAt((pool[(at + 1) >> 1] ?? 0) & 0x3);
  return `${prefix}${digits.slice(at + 2, at + 5)}-${variant}${digits.slice(at + 5, at + 8)}-${digits.slice(at + 8, at + 20)}`;
}

/** A W3C trace id: 32 hex digits, never all zero. */
export function newTraceId(): string {
  return nonZero(32);
}

/** A W3C span id: 16 hex digits, never all zero. */
export function newSpanId(): string {
  return nonZero(16);
}

function nonZero(count: number): string {
  const at = take(count);
  // In short pieces: a long one would be a view that keeps all the digits in memory as long as the id lives.
  let id = '';
  for (let from = at; from < at + count; from += 8) id += digits.slice(from, from + 8);
  return ZEROS.startsWith(id) ? nonZero(count) : id;
}

export function traceparent(traceId: string, spanId: string): string {
  return `00-${traceId}-${spanId}-01`;
}
