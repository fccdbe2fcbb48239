'use client';
import type { AttemptView, RunView, SandboxView } from '@tenon/contract';
import { Filter, TrendingUp } from 'lucide-react';
import { createSerializer, useQueryStates } from 'nuqs';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { cx } from '../../ui/cx.ts';
import { FilterField, Segmented } from '../../ui/field.tsx';
import { formatDuration } from '../../ui/format.ts';
import { Empty } from '../../ui/panel.tsx';
import { useNow } from '../../ui/time.tsx';
import { runView } from './filters.ts';
import { FirstErrorBanner, RunHead } from './run-head.tsx';
import { AttemptPanel } from './trace/attempt-panel.tsx';
import { criticalPath } from './trace/critical.ts';
import { Legend } from './trace/lane.tsx';
import { unfoldTo, visibleRows } from './trace/rows.ts';
import { windowOf, type Zoom } from './trace/scale.ts';
import { TraceGrid } from './trace/trace-grid.tsx';
import { buildTrace, landingRow } from './trace/tree.ts';
import { useTraceKeys } from './trace/use-trace-keys.ts';

const addressOf = createSerializer(runView);

interface RunTraceProps {
  readonly run: RunView;
  readonly attempts: readonly AttemptView[];
  readonly loaded: boolean;
  readonly placeOf: (extension: string) => number | undefined;
  readonly blockedBy: SandboxView['blockedBy'];
}

/** The trace with its state in the address: attempt, filter, folds, zoom. Lands on what failed the run. */
export function RunTrace({ run, attempts, loaded, placeOf, blockedBy }: RunTraceProps) {
  const [view, setView] = useQueryStates(runView, { history: 'replace' });
  const now = useNow(run.endedAt === null);
  const origin = Date.parse(run.startedAt);
  const trace = useMemo(() => buildTrace(run, attempts), [run, attempts]);
  const endMs =
    run.endedAt === null
      ? Math.max(now - origin, ...attempts.slice(-1).map((last) => Date.parse(last.startedAt) + last.durationMs - origin), 1)
      : Date.parse(run.endedAt) - origin;
  const span = useMemo(() => windowOf(view.zoom, endMs, trace.unwindAt), [view.zoom, endMs, trace.unwindAt]);
  const critical = useMemo(() => (view.critical && run.endedAt !== null ? criticalPath(trace, endMs) : null), [view.critical, run.endedAt, trace, endMs]);
  const toggled = useMemo(() => new Set(view.fold), [view.fold]);
  const rows = useMemo(() => visibleRows(trace, toggled, view.q), [trace, toggled, view.q]);
  const effects = useMemo(() => new Map(run.effects.map((effect) => [effect.id, effect])), [run.effects]);
  const selected = view.attempt === null ? null : (trace.rowOf.get(view.attempt) ?? view.attempt);
  const attempt = useMemo(() => attempts.find((each) => each.id === view.attempt), [attempts, view.attempt]);

  const select = useCallback((id: string) => void setView({ attempt: id }), [setView]);
  const goTo = useCallback(
    (attemptId: string) => {
      const row = trace.rowOf.get(attemptId) ?? attemptId;
      void setView((old) => ({ attempt: attemptId, q: '', fold: [...unfoldTo(trace, row, new Set(old.fold))] }));
    },
    [setView, trace],
  );
  const toggle = useCallback(
    (id: string) => void setView((old) => ({ fold: old.fold.includes(id) ? old.fold.filter((each) => each !== id) : [...old.fold, id] })),
    [setView],
  );

  // The page lands once: on the attempt of the address, else on what failed the run.
  const landed = useRef(false);
  useEffect(() => {
    if (landed.current) return;
    const asked = view.attempt;
    if (asked !== null) {
      const known = trace.rowOf.has(asked) || trace.parentsOf.has(asked);
      if (!known && !loaded) return;
      if (known) {
        landed.current = true;
        goTo(asked);
        return;
      }
    }
    const row = landingRow(trace, run.firstError?.attemptId ?? null);
    if (row === null) return;
    landed.current = true;
    goTo(row);
  }, [trace, loaded, view.attempt, run.firstError, goTo]);

  const failureAt = selected === null ? 0 : trace.failures.indexOf(selected) + 1;
  const step = useCallback(
    (by: 1 | -1) => {
      const { failures } = trace;
      if (failures.length === 0) return;
      const from = failureAt === 0 ? (by === 1 ? -1 : 0) : failureAt - 1;
      const next = failures[(from + by + failures.length) % failures.length];
      if (next !== undefined) goTo(next);
    },
    [trace, failureAt, goTo],
  );
  useTraceKeys(step);

  const tries = useMemo(
    () =>
      attempt === undefined
        ? []
        : attempts.filter(
            (each) =>
              each.kind === attempt.kind &&
              each.phase === attempt.phase &&
              each.extension === attempt.extension &&
              (each.kind === 'hook' || (each.effects[0] ?? each.id) === (attempt.effects[0] ?? attempt.id)) &&
              (each.compensates === null) === (attempt.compensates === null),
          ),
    [attempt, attempts],
  );
  const extensions = useMemo(() => new Set(attempts.flatMap((each) => (each.extension === null ? [] : [each.extension]))).size, [attempts]);
  const zooms: readonly { readonly value: Zoom; readonly label: string }[] = [
    { value: 'all', label: `All ${formatDuration(endMs)}` },
    ...(trace.unwindAt === null ? [] : [{ value: 'setup', label: 'Setup' } as const, { value: 'unwinding', label: 'Unwinding' } as const]),
  ];
  return (
    <>
      <RunHead run={run} address={addressOf(`/runs/${run.id}`, view)} blockedBy={blockedBy} extensions={extensions} />
      <FirstErrorBanner
        run={run}
        attempts={attempts}
        count={trace.failures.length}
        at={failureAt}
        onStep={step}
        onGoTo={goTo}
        releaseOf={(id) => trace.releasesOf.get(id)?.at(-1)}
      />
      <div
        className={cx(
          '-mt-px grid min-h-0 flex-1 grid-rows-[minmax(0,1fr)] border-t border-hairline max-lg:block max-lg:overflow-y-auto',
          attempt ? 'grid-cols-[minmax(0,1fr)_var(--spacing-detail)]' : '',
        )}
      >
        <section aria-label="Hook trace" className="flex min-h-0 min-w-0 flex-col border-hairline max-lg:min-h-96 lg:border-r">
          <div className="flex flex-wrap items-center gap-2 border-b border-hairline px-3 py-1.5 md:pr-4 md:pl-6">
            <FilterField label="Filter rows" icon={Filter} className="w-46" value={view.q} onChange={(event) => void setView({ q: event.target.value })} />
            <button
              type="button"
              aria-pressed={view.critical}
              onClick={() => void setView({ critical: !view.critical })}
              className="inline-flex h-control items-center gap-1.5 rounded-md border border-transparent px-2 text-sm font-medium text-ink2 hover:bg-hover aria-pressed:border-accent-rule aria-pressed:bg-accent-soft aria-pressed:text-accent max-md:hidden"
            >
              <TrendingUp aria-hidden size={14} strokeWidth={1.75} />
              Critical path
            </button>
            {critical?.most && critical.most.share >= 0.1 ? (
              <span className="text-sm text-ink3 max-lg:hidden">
                {Math.round(critical.most.share * 100)} % of the time is {critical.most.name}
              </span>
            ) : null}
            {loaded ? null : (
              <span className="text-sm text-owed">
                Reading attempts: {attempts.length} of {run.attemptCount}
              </span>
            )}
            <span className="flex-1" />
            <Segmented label="Zoom" value={view.zoom} segments={zooms} onChange={(zoom) => void setView({ zoom })} />
          </div>
          {rows.length === 0 ? (
            <Empty>
              {view.q === ''
                ? run.endedAt === null
                  ? 'No hook has been called yet; attempts appear here as they end.'
                  : 'No hook was called in this run: no active extension has one for it.'
                : 'No row matches the filter.'}
            </Empty>
          ) : (
            <TraceGrid
              trace={trace}
              rows={rows}
              span={span}
              origin={origin}
              effects={effects}
              critical={critical}
              selected={selected}
              onSelect={select}
              onToggle={toggle}
              onGoTo={goTo}
              placeOf={placeOf}
            />
          )}
          <div className="border-t border-hairline bg-sunken px-3 py-1.5 md:px-6">
            <Legend />
          </div>
        </section>
        {attempt ? <AttemptPanel key={attempt.id} run={run} trace={trace} attempt={attempt} tries={tries} onGoTo={goTo} placeOf={placeOf} /> : null}
      </div>
    </>
  );
}
