import type { RunSummaryView } from '@tenon/contract';

/** Failed runs with the same cause. */
export interface FailureGroup {
  readonly key: string;
  readonly code: string;
  readonly message: string;
  readonly extension: string | null;
  readonly phase: string | null;
  readonly drivers: readonly string[];
  readonly workspaces: readonly string[];
  readonly count: number;
  /** The newest of them. */
  readonly last: RunSummaryView;
  /** Runs per hour, oldest first. */
  readonly hours: readonly number[];
}

/** Groups failed runs by error code, extension and phase, the largest first. */
export function groupFailures(runs: readonly RunSummaryView[], from: number, hours: number): FailureGroup[] {
  const groups = new Map<string, RunSummaryView[]>();
  for (const run of runs) {
    const key = [
      run.firstError?.code ?? 'unknown',
      run.firstError?.extension ?? '',
      run.firstError?.phase ?? '',
      run.firstError?.extension ? '' : run.driver,
    ].join(' ');
    const group = groups.get(key);
    if (group) group.push(run);
    else groups.set(key, [run]);
  }
  return [...groups]
    .flatMap(([key, own]): FailureGroup[] => {
      const last = [...own].sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))[0];
      if (!last) return [];
      return [
        {
          key,
          code: last.firstError?.code ?? 'unknown',
          message: last.firstError?.message ?? 'No error was recorded.',
          extension: last.firstError?.extension ?? null,
          phase: last.firstError?.phase ?? null,
          drivers: [...new Set(own.map((run) => run.driver))].sort(),
          workspaces: [...new Set(own.map((run) => run.workspace))].sort(),
          count: own.length,
          last,
          hours: perHour(own, from, hours),
        },
      ];
    })
    .sort((a, b) => b.count - a.count || (a.last.startedAt < b.last.startedAt ? 1 : -1));
}

/** How many runs began in each hour of a window. */
export function perHour(runs: readonly { readonly startedAt: string }[], from: number, hours: number): readonly number[] {
  const counts = Array.from({ length: hours }, () => 0);
  for (const run of runs) {
    const at = Math.floor((Date.parse(run.startedAt) - from) / 3_600_000);
    if (at >= 0) counts[Math.min(at, hours - 1)] = (counts[Math.min(at, hours - 1)] ?? 0) + 1;
  }
  return counts;
}
