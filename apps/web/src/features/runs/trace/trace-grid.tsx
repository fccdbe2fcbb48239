// biome-ignore-all lint/a11y/useSemanticElements: rows of a virtual grid are positioned boxes, which table elements cannot be
// biome-ignore-all lint/a11y/useFocusableInteractive: focus lives on the row: one tab stop, arrow keys between rows
'use client';
import { ChevronRight, Layers, Link2, Undo2 } from 'lucide-react';
import { type CSSProperties, useMemo } from 'react';
import { Place } from '../../../ui/author.tsx';
import { cx } from '../../../ui/cx.ts';
import { NARROW, useMedia } from '../../../ui/media.ts';
import { TreeGrid } from '../../../ui/tree-grid.tsx';
import type { CriticalPath } from './critical.ts';
import { Lane } from './lane.tsx';
import { Outcome } from './outcome.tsx';
import type { TraceRow } from './rows.ts';
import { type Span, ticksOf, tickText } from './scale.ts';
import { settles, type Trace, type TraceNode } from './tree.ts';

interface TraceGridProps {
  readonly trace: Trace;
  readonly rows: readonly TraceRow[];
  readonly span: Span;
  readonly origin: number;
  readonly effects: ReadonlyMap<string, { readonly createdAt: string }>;
  readonly critical: CriticalPath | null;
  readonly selected: string | null;
  readonly onSelect: (id: string) => void;
  readonly onToggle: (id: string, expand: boolean) => void;
  readonly onGoTo: (attemptId: string) => void;
  readonly placeOf: (extension: string) => number | undefined;
}

const tracks = 'grid grid-cols-[16.5rem_9rem_minmax(0,1fr)] max-lg:grid-cols-[14.25rem_8.5rem_minmax(0,1fr)] max-md:grid-cols-[minmax(0,1fr)_8.5rem]';

/** Phase, extension, attempt beside their waterfall. */
export function TraceGrid({ trace, rows, span, origin, effects, critical, selected, onSelect, onToggle, onGoTo, placeOf }: TraceGridProps) {
  const narrow = useMedia(NARROW);
  const ticks = useMemo(() => ticksOf(span), [span]);
  // The selected row and what it made or released light up together.
  const paired = useMemo(() => pairsOf(trace, selected), [trace, selected]);
  // The lines of the axis are one background for all rows, not elements in each.
  const lines = ticks
    .map((tick) => `linear-gradient(var(--color-hairline) 0 0) ${((tick - span.from) / (span.to - span.from)) * 100}% 0 / 1px 100% no-repeat`)
    .join(', ');
  return (
    <div className="contents" style={{ '--ticks': lines === '' ? 'none' : lines } as CSSProperties}>
      <TreeGrid
        label="Phases, extensions and attempts"
        rows={rows}
        columns={3}
        rowHeight={narrow ? 34 : 26}
        active={selected}
        selected={selected}
        onActive={onSelect}
        onToggle={onToggle}
        className="flex-1 max-md:max-h-[70dvh]"
        onOpen={(row) => {
          if (row.expanded !== undefined && row.node.attempt === null) onToggle(row.id, !row.expanded);
        }}
        rowClass={(row) =>
          cx(
            paired.has(row.id) && row.id !== selected && 'bg-undo-soft shadow-[inset_3px_0_0_var(--color-undo-fill)]',
            row.node.kind === 'section' && 'border-y border-hairline bg-sunken',
          )
        }
        head={
          <div className={cx(tracks, 'h-6.5 items-center text-sm font-medium text-ink3')}>
            <div role="columnheader" className="pl-4 md:pl-6">
              Phase, extension, attempt
            </div>
            <div role="columnheader">Outcome</div>
            <div role="columnheader" className="relative h-full border-l border-hairline max-md:hidden">
              <span className="sr-only">Time from start</span>
              {ticks.map((tick) => (
                <span
                  key={tick}
                  aria-hidden
                  className="absolute top-1 pl-1.25 text-xs font-normal whitespace-nowrap"
                  style={{ left: `${((tick - span.from) / (span.to - span.from)) * 100}%` }}
                >
                  {tickText(tick)}
                </span>
              ))}
            </div>
          </div>
        }
        cells={({ node, level, expanded }) =>
          node.kind === 'section' ? (
            <Section trace={trace} />
          ) : (
            <div className={cx(tracks, 'h-full items-stretch')}>
              <Name node={node} level={level} expanded={expanded} placeOf={placeOf} />
              <div role="gridcell" className="flex min-w-0 items-center gap-2 overflow-hidden pr-2">
                <Outcome node={node} />
              </div>
              <div role="gridcell" className="min-w-0 max-md:col-span-2 max-md:mx-3 max-md:h-2">
                <Lane
                  node={node}
                  span={span}
                  critical={critical?.ids.has(node.id) ?? false}
                  marks={marksOf(node, effects, origin)}
                  note={madeBy(node, trace, onGoTo)}
                />
              </div>
            </div>
          )
        }
      />
    </div>
  );
}

function Section({ trace }: { readonly trace: Trace }) {
  const releases = trace.roots.flatMap((root) => (root.kind === 'ledger' ? root.children : []));
  const owed = releases.filter((node) => node.effect?.state === 'owed').length;
  const released = releases.filter((node) => !node.failed).length;
  return (
    <div role="gridcell" className="flex h-full items-center gap-2 truncate px-3 text-sm md:px-6">
      <Undo2 aria-hidden size={14} strokeWidth={1.75} className="shrink-0 text-undo" />
      <b className="font-medium">Unwinding</b>
      <span className="truncate text-ink2">
        hooks are told in reverse, then the ledger newest first
        {releases.length > 0 ? ` · ${released} of ${releases.length} released${owed > 0 ? `, ${owed} owed` : ''}` : ''}
      </span>
    </div>
  );
}

interface NameProps {
  readonly node: TraceNode;
  readonly level: number;
  readonly expanded: boolean | undefined;
  readonly placeOf: (extension: string) => number | undefined;
}

function Name({ node, level, expanded, placeOf }: NameProps) {
  const machine = node.kind === 'phase' || (node.kind === 'release' && node.effect !== null);
  return (
    <div role="gridcell" className="flex min-w-0 items-center gap-1.5 pr-2" style={{ paddingLeft: `calc(0.75rem + ${level - 1} * 1.125rem)` }}>
      <span aria-hidden className="grid w-4 shrink-0 place-items-center text-ink3">
        {expanded === undefined ? null : <ChevronRight size={12} strokeWidth={2} className={cx('transition-transform', expanded && 'rotate-90')} />}
      </span>
      {node.kind === 'driver' || (node.kind === 'release' && node.extension === null) ? (
        <Layers aria-hidden size={14} strokeWidth={1.5} className="shrink-0 text-ink3" />
      ) : null}
      {node.extension !== null && node.kind !== 'attempt' ? <Place of={placeOf(node.extension)} /> : null}
      <span className={cx('min-w-0 truncate', (node.kind === 'phase' || node.kind === 'ledger') && 'font-medium', machine && 'mono')} title={node.label}>
        {node.label}
      </span>
      {node.revision !== null && node.kind === 'extension' ? <span className="shrink-0 text-sm text-ink3">{node.revision}</span> : null}
    </div>
  );
}

/** A release links to what made what it releases. */
function madeBy(node: TraceNode, trace: Trace, onGoTo: (attemptId: string) => void) {
  if (node.kind !== 'release') return null;
  const maker = (node.effect && trace.makerOf.get(node.effect.id)) ?? node.attempt?.compensates ?? null;
  if (maker === null || !trace.rowOf.has(maker)) return null;
  const name = node.effect?.extension ?? 'the driver';
  return (
    <button type="button" tabIndex={-1} onClick={() => onGoTo(maker)} className="inline-flex items-center gap-1 underline decoration-rule underline-offset-2">
      <Link2 aria-hidden size={12} strokeWidth={1.75} />
      made by {name}
      {node.effect?.phase ? `, ${node.effect.phase}` : ''}
    </button>
  );
}

function marksOf(node: TraceNode, effects: ReadonlyMap<string, { readonly createdAt: string }>, origin: number): readonly number[] {
  const { attempt } = node;
  if (!attempt || settles(attempt)) return [];
  return attempt.effects.flatMap((id) => {
    const effect = effects.get(id);
    return effect ? [Math.min(Math.max(Date.parse(effect.createdAt) - origin, node.start), node.end)] : [];
  });
}

/** Rows that belong to the selected one: the makers of what it released, the releases of what it made. */
function pairsOf(trace: Trace, selected: string | null): ReadonlySet<string> {
  const pairs = new Set<string>();
  if (selected === null) return pairs;
  const rowOfAttempt = (id: string | undefined) => {
    const row = id === undefined ? undefined : trace.rowOf.get(id);
    if (row !== undefined) pairs.add(row);
  };
  for (const [effect, maker] of trace.makerOf) {
    const releases = trace.releasesOf.get(effect) ?? [];
    if (trace.rowOf.get(maker) === selected) for (const release of releases) rowOfAttempt(release);
    if (releases.some((release) => trace.rowOf.get(release) === selected)) rowOfAttempt(maker);
  }
  return pairs;
}
