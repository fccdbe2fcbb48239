import { randomFillSync } from 'node:crypto';

// One pool of random bytes for all ids: a call to the operating system for each would dominate the cost of an attempt.
const pool = Buffer.alloc(4096);
let used = pool.length;

function take(bytes: number): Buffer {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += bytes;
  return pool.subarray(used - bytes, used);
}

/** A UUID v7 (RFC 9562): 48 bits of milliseconds, then random, so that ids sort by when they were made. */
export function newId(now = Date.now()): string {
  const random = take(10);
  const time = now.toString(16).padStart(12, '0');
  const hex = random.toString('hex');
  const variant = ((Number.parseInt(hex[3] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
}

/** A W3C trace id: 32 hex digits, never all zero. */
export function newTraceId(): string {
  const id = take(16).toString('hex');
  return /[^0]/.test(id) ? id : newTraceId();
}

/** A W3C span id: 16 hex digits, never all zero. */
export function newSpanId(): string {
  const id = take(8).toString('hex');
  return /[^0]/.test(id) ? id : newSpanId();
}

export function traceparent(traceId: string, spanId: string): string {
  return `00-${traceId}-${spanId}-01`;
}
