/** A window of a run's time, milliseconds from its start. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Where something lies in the window, as fractions of its width; `off` where it lies outside. */
export interface Place {
  readonly left: number;
  readonly width: number;
  readonly off: 'before' | 'after' | null;
}

export const ZOOMS = ['all', 'setup', 'unwinding'] as const;
export type Zoom = (typeof ZOOMS)[number];

/**
 * The window of a zoom. A little is left at the right so that the last bar's label has room.
 * @param endMs end of the run, or now while it runs.
 */
export function windowOf(zoom: Zoom, endMs: number, unwindAt: number | null): Span {
  const whole = Math.max(endMs, 1);
  if (zoom === 'setup' && unwindAt !== null) return pad(0, unwindAt);
  if (zoom === 'unwinding' && unwindAt !== null) return pad(unwindAt, whole);
  return pad(0, whole);
}

function pad(from: number, to: number): Span {
  const length = Math.max(to - from, 1);
  return { from, to: from + length * 1.04 };
}

export function placeIn(span: Span, start: number, end: number): Place {
  const length = span.to - span.from;
  if (end < span.from) return { left: 0, width: 0, off: 'before' };
  if (start > span.to) return { left: 1, width: 0, off: 'after' };
  const left = (Math.max(start, span.from) - span.from) / length;
  const right = (Math.min(end, span.to) - span.from) / length;
  return { left, width: Math.max(0, right - left), off: null };
}

/** Round times for the axis: at most seven, 1, 2 or 5 times a power of ten (or of a minute). */
export function ticksOf(span: Span): readonly number[] {
  const rough = (span.to - span.from) / 6;
  const steps = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000,
    21_600_000, 86_400_000,
  ];
  const step = steps.find((each) => each >= rough) ?? Math.ceil(rough / 86_400_000) * 86_400_000;
  const ticks: number[] = [];
  for (let at = Math.ceil(span.from / step) * step; at <= span.to; at += step) ticks.push(at);
  return ticks;
}

/** A tick as the axis shows it: 0 s, 250 ms, 2 s, 1.5 s, 2 min. */
export function tickText(ms: number): string {
  if (ms === 0) return '0 s';
  if (ms < 1000) return `${ms} ms`;
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  if (ms > 60_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${ms / 1000} s`;
}
