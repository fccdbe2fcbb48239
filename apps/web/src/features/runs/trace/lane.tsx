import { ChevronLeft, ChevronRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { cx } from '../../../ui/cx.ts';
import { formatDuration } from '../../../ui/format.ts';
import { outcomeOf } from './outcome.tsx';
import { placeIn, type Span } from './scale.ts';
import type { TraceNode } from './tree.ts';

const percent = (fraction: number) => `${(fraction * 100).toFixed(3)}%`;

/** How a bar is drawn: fill for what happened, outline for the driver, hatching for what was undone or is owed. */
function barClass(node: TraceNode): string {
  const { tone } = outcomeOf(node).look;
  if (!node.attempt) {
    return cx('h-1 rounded-[1px]', node.failed ? 'bg-bad-fill' : tone === 'owed' ? 'bg-owed-fill' : 'bg-edge');
  }
  const fill = {
    ok: node.attempt.kind === 'driver' ? 'shadow-[inset_0_0_0_1.5px_var(--color-ok-fill)]' : 'bg-ok-fill',
    changed: 'bg-changed-fill',
    shadow: 'min-w-2 border-[1.5px] border-dashed border-changed-fill',
    bad: 'bg-bad-fill',
    owed: 'hatch-owed',
    undo: 'hatch-undo',
    idle: 'w-0.5! border-l-2 border-dotted border-idle',
  };
  return cx('h-3 rounded-[2px] max-md:h-1.5', fill[tone]);
}

interface LaneProps {
  readonly node: TraceNode;
  readonly span: Span;
  readonly critical: boolean;
  /** Effects that the attempt made: their marks on the bar, milliseconds from the start of the run. */
  readonly marks: readonly number[];
  /** Stands before the duration: a link to the maker. */
  readonly note?: ReactNode;
}

/** The row's part of the waterfall. */
export function Lane({ node, span, critical, marks, note }: LaneProps) {
  const place = placeIn(span, node.start, node.end);
  const skipped = node.attempt?.outcome === 'skipped';
  const label = skipped ? (node.attempt?.reason ?? 'skipped') : formatDuration(node.end - node.start);
  // The label stands where there is room: behind the bar, or before it near the right edge; a long one on the side that has more, the time next to the bar.
  const behind = 1 - place.left - place.width;
  const before = note ? place.left > behind : behind < 0.28;
  return (
    <div className="relative h-full overflow-hidden border-l border-hairline md:[background:var(--ticks)]">
      <span className="sr-only">
        starts at {formatDuration(node.start)}, takes {formatDuration(node.end - node.start)}
        {critical ? ', on the critical path' : ''}
      </span>
      {place.off === null ? (
        <>
          <span
            aria-hidden
            data-bar
            className={cx('absolute top-1/2 -translate-y-1/2', barClass(node))}
            style={{ left: percent(place.left), width: `max(3px, ${percent(place.width)})` }}
          >
            {node.attempt?.outcome === 'timed_out' ? <span className="absolute -inset-y-1 right-0 w-0.5 bg-bad-fill" /> : null}
          </span>
          {marks.map((mark) => (
            <i
              key={mark}
              aria-hidden
              data-bar
              className="absolute top-1/2 -mt-1 -ml-1 size-2 rotate-45 rounded-[1px] border-[1.5px] border-undo bg-surface"
              style={{ left: percent((mark - span.from) / (span.to - span.from)) }}
            />
          ))}
          {critical ? (
            <i
              aria-hidden
              data-bar
              className="absolute bottom-px h-[1.5px] rounded-[1px] bg-ink max-md:hidden"
              style={{ left: percent(place.left), width: `max(2px, ${percent(place.width)})` }}
            />
          ) : null}
          <span
            className={cx(
              'absolute top-1/2 inline-flex max-w-[70%] -translate-y-1/2 items-center gap-1 truncate text-xs leading-none whitespace-nowrap text-ink2 max-md:hidden',
              before && 'justify-end',
            )}
            style={before ? { right: `calc(${percent(1 - place.left)} + 0.5rem)` } : { left: `calc(${percent(place.left + place.width)} + 0.625rem)` }}
          >
            {before ? null : label}
            {note && !before ? ' · ' : null}
            {note}
            {note && before ? ' · ' : null}
            {before ? label : null}
          </span>
        </>
      ) : (
        <span aria-hidden className={cx('absolute top-1/2 -translate-y-1/2 text-edge', place.off === 'before' ? 'left-1' : 'right-1')}>
          {place.off === 'before' ? <ChevronLeft size={14} /> : <ChevronRight size={14} />}
        </span>
      )}
    </div>
  );
}

const legend: readonly (readonly [string, string])[] = [
  ['ok', 'bg-ok-fill'],
  ['changed plan', 'bg-changed-fill'],
  ['shadowed', 'border-[1.5px] border-dashed border-changed-fill'],
  ['failed, timed out', 'bg-bad-fill'],
  ['unwound', 'hatch-undo'],
  ['owed', 'hatch-owed'],
];

/** What the bars mean, for who has no colour and who is new here. */
export function Legend() {
  return (
    <ul aria-label="Legend" className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-ink2">
      {legend.map(([word, fill]) => (
        <li key={word} className="inline-flex items-center gap-1.25">
          <i aria-hidden data-bar className={cx('h-2.5 w-4.5 rounded-[2px]', fill)} />
          {word}
        </li>
      ))}
      <li className="inline-flex items-center gap-1.25">
        <i aria-hidden data-bar className="mx-0.5 size-2 rotate-45 rounded-[1px] border-[1.5px] border-undo bg-surface" />
        effect made
      </li>
      <li className="inline-flex items-center gap-1.25 max-md:hidden">
        <i aria-hidden data-bar className="h-0.5 w-4.5 bg-ink" />
        critical path
      </li>
    </ul>
  );
}
