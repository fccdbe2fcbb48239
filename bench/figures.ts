/** How a goal is judged: the ratio must be at most, or at least, its bound. */
export interface Goal {
  /** `G1`, `G2a` … */
  readonly name: string;
  readonly bound: '<=' | '>=';
  readonly limit: number;
}

/** What one goal came to: its ratio, or why it could not be measured. */
export type Outcome =
  | { readonly goal: Goal; readonly ratio: number /** Absolute figures, for people; the ratio is what counts. */; readonly detail: string }
  | { readonly goal: Goal; readonly skipped: string /** The backend that is absent, as TENON_REQUIRE names it. */; readonly backend: string };

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function isMet(goal: Goal, ratio: number): boolean {
  // A figure that is no number was not measured, and counts as missed.
  return goal.bound === '<=' ? ratio <= goal.limit : ratio >= goal.limit;
}

/** `G1 ratio=7.31 goal<=10 ok`: what other programs read, so it holds nothing else. */
export function lineOf(outcome: Outcome): string {
  const { goal } = outcome;
  if ('skipped' in outcome) return `${goal.name} SKIPPED: ${outcome.skipped.replaceAll(/\s+/g, ' ').trim()}`;
  // Rounded towards the bound's bad side, so that a line never shows a figure that its own verdict contradicts.
  const shown = goal.bound === '<=' ? Math.ceil(outcome.ratio * 100 - 1e-6) / 100 : Math.floor(outcome.ratio * 100 + 1e-6) / 100;
  return `${goal.name} ratio=${shown.toFixed(2)} goal${goal.bound}${goal.limit} ${isMet(goal, outcome.ratio) ? 'ok' : 'MISSED'}`;
}
