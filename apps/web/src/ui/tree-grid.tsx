// biome-ignore-all lint/a11y/useSemanticElements: rows of a virtual grid are positioned boxes, which table elements cannot be
// biome-ignore-all lint/a11y/useFocusableInteractive: focus lives on the row: one tab stop, arrow keys between rows
'use client';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, memo, type ReactNode, useCallback, useEffect, useRef } from 'react';
import { cx } from './cx.ts';

/** A row of a tree that is laid out flat: folded rows are not in the list. */
export interface TreeRow {
  readonly id: string;
  readonly level: number;
  /** Undefined: a leaf. */
  readonly expanded?: boolean | undefined;
}

interface TreeGridProps<T extends TreeRow> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: number;
  readonly head: ReactNode;
  /** Height of a row in px; every row has it. */
  readonly rowHeight: number;
  /** The row that holds the one tab stop. */
  readonly active: string | null;
  readonly onActive: (id: string) => void;
  readonly selected?: string | null;
  readonly onToggle: (id: string, expand: boolean) => void;
  /** Enter, or a click. */
  readonly onOpen?: (row: T) => void;
  readonly cells: (row: T) => ReactNode;
  readonly rowClass?: (row: T) => string | undefined;
  readonly className?: string;
}

/**
 * A treegrid of any length with few DOM nodes. One tab stop; arrows move, unfold and fold; the focused row stays mounted
 * wherever the list is scrolled, so that focus is never lost.
 */
export function TreeGrid<T extends TreeRow>(props: TreeGridProps<T>) {
  const { label, rows, columns, head, rowHeight, active, onActive, selected, onToggle, onOpen, cells, rowClass, className } = props;
  const box = useRef<HTMLDivElement>(null);
  const wantsFocus = useRef(false);
  const found = rows.findIndex((row) => row.id === active);
  const at = Math.max(found, 0);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 6,
    getItemKey: (index) => rows[index]?.id ?? index,
    rangeExtractor: (range) => {
      const visible: number[] = [];
      for (let index = Math.max(0, range.startIndex - range.overscan); index <= Math.min(range.count - 1, range.endIndex + range.overscan); index++)
        visible.push(index);
      if (at < range.count && !visible.includes(at)) visible.push(at);
      return visible.sort((a, b) => a - b);
    },
    initialRect: { width: 1024, height: 720 },
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: measured anew whenever the height of a row changes
  useEffect(() => virtual.measure(), [virtual, rowHeight]);

  // Whoever moves `active` from outside (next failure, a link to a maker) finds it on screen.
  const shownActive = useRef<string | null>(null);
  useEffect(() => {
    if (active === null || shownActive.current === active || found < 0) return;
    shownActive.current = active;
    virtual.scrollToIndex(found, { align: 'auto' });
    // The focus goes along where nobody else has it: the arrows go on from the row that is shown, not from where they were.
    const holder = document.activeElement;
    if (holder === null || holder === document.body || box.current?.contains(holder)) wantsFocus.current = true;
  }, [active, found, virtual]);
  useEffect(() => {
    if (!wantsFocus.current) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-index="${at}"]`);
    if (row) {
      wantsFocus.current = false;
      row.focus({ preventScroll: true });
    }
  });
  const move = useCallback(
    (to: number) => {
      const next = rows[Math.min(Math.max(to, 0), rows.length - 1)];
      if (!next) return;
      wantsFocus.current = true;
      onActive(next.id);
    },
    [rows, onActive],
  );
  const onKeyDown = (event: KeyboardEvent<HTMLElement>, row: T, index: number) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 400) / rowHeight) - 2);
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1, PageDown: index + page, PageUp: index - page }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(to);
      return;
    }
    if (event.key === 'ArrowRight') {
      event.preventDefault();
      if (row.expanded === false) onToggle(row.id, true);
      else if (row.expanded === true) move(index + 1);
    } else if (event.key === 'ArrowLeft') {
      event.preventDefault();
      if (row.expanded === true) onToggle(row.id, false);
      else {
        for (let parent = index - 1; parent >= 0; parent--) {
          if ((rows[parent]?.level ?? 0) < row.level) {
            move(parent);
            break;
          }
        }
      }
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      if (onOpen) onOpen(row);
      else if (row.expanded !== undefined) onToggle(row.id, !row.expanded);
    }
  };
  return (
    <div ref={box} className={cx('min-h-0 overflow-y-auto', className)}>
      <div role="treegrid" aria-label={label} aria-rowcount={rows.length + 1} aria-colcount={columns}>
        <div className="sticky top-0 z-10 border-b border-hairline bg-surface" role="row" aria-rowindex={1}>
          {head}
        </div>
        <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              <div
                key={row.id}
                role="row"
                data-index={item.index}
                aria-level={row.level}
                aria-rowindex={item.index + 2}
                aria-expanded={row.expanded}
                aria-selected={row.id === selected}
                tabIndex={item.index === at ? 0 : -1}
                onFocus={(event) => {
                  if (event.target === event.currentTarget && row.id !== active) onActive(row.id);
                }}
                onKeyDown={(event) => onKeyDown(event, row, item.index)}
                onClick={(event) => {
                  if (event.target instanceof Element && event.target.closest('a,button')) return;
                  onActive(row.id);
                  onOpen?.(row);
                }}
                className={cx(
                  'absolute inset-x-0 cursor-default hover:bg-hover focus-inside aria-selected:bg-accent-soft aria-selected:shadow-[inset_3px_0_0_var(--color-accent)]',
                  rowClass?.(row),
                )}
                style={{ height: rowHeight, transform: `translateY(${item.start}px)` }}
              >
                <Cells row={row} draw={cells} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** The inside of a row is drawn once, and not again for every step of a scroll. */
const Cells = memo(function Cells<T extends TreeRow>({ row, draw }: { readonly row: T; readonly draw: (row: T) => ReactNode }) {
  return draw(row);
}) as <T extends TreeRow>(props: { readonly row: T; readonly draw: (row: T) => ReactNode }) => ReactNode;
