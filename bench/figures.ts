/** How a goal is judged: its figure must be at most, or at least, its bound. */
export interface Goal {
  /** `G1`, `G2a` … */
  readonly name: string;
  /** What the figure is; a ratio where it is absent. */
  readonly unit?: 'ms' | 'mb';
  readonly bound: '<=' | '>=';
  readonly limit: number;
}

/** What one goal came to, or why it could not be measured. */
export type Outcome =
  | { readonly goal: Goal; readonly figure: number /** Absolute figures, for people; the line's is what counts. */; readonly detail: string }
  | { readonly name: string; readonly skipped: string /** The backend that is absent, as TENON_REQUIRE names it. */; readonly backend: string };

/** Thrown where a goal needs what this machine does not have. */
export class BackendAbsent extends Error {
  readonly backend: string;

  constructor(backend: string, reason: string) {
    super(reason);
    this.name = 'BackendAbsent';
    this.backend = backend;
  }
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function isMet(goal: Goal, figure: number): boolean {
  // A figure that is no number was not measured, and counts as missed.
  return goal.bound === '<=' ? figure <= goal.limit : figure >= goal.limit;
}

/** `G1 ratio=7.31 goal<=10 ok`: what other programs read, so it holds nothing else. */
export function lineOf(outcome: Outcome): string {
  if ('skipped' in outcome) return `${outcome.name} SKIPPED: ${outcome.skipped.replaceAll(/\s+/g, ' ').trim()}`;
  const { goal, figure } = outcome;
  // Rounded towards the bound's bad side, so that a line never shows a figure that its own verdict contradicts.
  const places = goal.unit === undefined ? 2 : 0;
  const factor = 10 ** places;
  const shown = goal.bound === '<=' ? Math.ceil(figure * factor - 1e-6) / factor : Math.floor(figure * factor + 1e-6) / factor;
  return `${goal.name} ${goal.unit ?? 'ratio'}=${shown.toFixed(places)} goal${goal.bound}${goal.limit} ${isMet(goal, figure) ? 'ok' : 'MISSED'}`;
}
