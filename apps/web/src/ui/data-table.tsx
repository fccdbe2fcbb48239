// biome-ignore-all lint/a11y/useSemanticElements: rows of a virtual grid are positioned boxes, which table elements cannot be
// biome-ignore-all lint/a11y/useFocusableInteractive: focus lives on the row: one tab stop, arrow keys between rows
'use client';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRouter } from 'next/navigation';
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { cx } from './cx.ts';
import { MEDIUM, NARROW, useMedia } from './media.ts';

export interface Column<T> {
  readonly id: string;
  readonly head: ReactNode;
  /** A track of the grid: `8rem`, `minmax(10rem,1fr)`. */
  readonly width: string;
  readonly align?: 'right';
  /** Left out below this width. */
  readonly hide?: 'medium' | 'narrow';
  readonly cell: (row: T) => ReactNode;
}

interface DataTableProps<T> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string;
  /** Where Enter, or a click beside the links of the row, leads. */
  readonly href?: (row: T) => string;
  readonly lines?: 1 | 2;
  /** Called when the end comes near, to fetch the next page. */
  readonly onEnd?: (() => void) | undefined;
  readonly more?: boolean;
  readonly empty: ReactNode;
  readonly selected?: string | null;
  readonly className?: string;
}

const interactive = 'a,button,input,select,textarea,[role="menuitem"]';

/**
 * A long list as a grid: virtual from the first row, one tab stop, arrow keys between rows, Enter opens.
 * Controls inside a row join the tab order only while their row is the current one.
 */
export function DataTable<T>({ label, columns, rows, rowKey, href, lines = 1, onEnd, more = false, empty, selected, className }: DataTableProps<T>) {
  const router = useRouter();
  const narrow = useMedia(NARROW);
  const medium = useMedia(MEDIUM);
  const shown = useMemo(() => columns.filter((column) => !(narrow && column.hide) && !(medium && column.hide === 'medium')), [columns, narrow, medium]);
  const box = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState(0);
  const wantsFocus = useRef(false);
  const height = lines === 2 ? 48 : 36;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 12,
    getItemKey: (index) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
    // The row that has focus stays mounted wherever the list is scrolled, so that focus is never lost.
    rangeExtractor: (range) => {
      const visible: number[] = [];
      for (let index = Math.max(0, range.startIndex - range.overscan); index <= Math.min(range.count - 1, range.endIndex + range.overscan); index++)
        visible.push(index);
      if (current < range.count && !visible.includes(current)) visible.push(current);
      return visible.sort((a, b) => a - b);
    },
    initialRect: { width: 1024, height: 720 },
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= rows.length - 10) onEnd?.();
  }, [more, last, rows.length, onEnd]);
  useEffect(() => {
    if (!wantsFocus.current) return;
    const row = box.current?.querySelector<HTMLElement>(`[data-row="${current}"]`);
    if (row) {
      wantsFocus.current = false;
      row.focus({ preventScroll: true });
    }
  });
  const move = useCallback(
    (to: number) => {
      const next = Math.min(Math.max(to, 0), rows.length - 1);
      wantsFocus.current = true;
      setCurrent(next);
      virtual.scrollToIndex(next, { align: 'auto' });
    },
    [rows.length, virtual],
  );
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>, index: number, row: T) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 400) / height) - 1);
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1, PageDown: index + page, PageUp: index - page }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(to);
    } else if (event.key === 'Enter' && href) {
      event.preventDefault();
      router.push(href(row));
    }
  };
  const template = shown.map((column) => column.width).join(' ');
  const pad = 'min-w-0 px-2 first:pl-4 last:pr-3';
  return (
    <div ref={box} className={cx('min-h-0 overflow-auto', className)}>
      <div role="grid" aria-label={label} aria-rowcount={more ? -1 : rows.length + 1} aria-colcount={shown.length} className="min-w-max">
        <div
          role="row"
          aria-rowindex={1}
          className="sticky top-0 z-10 grid h-7.5 items-center border-b border-hairline bg-surface text-sm font-medium text-ink3"
          style={{ gridTemplateColumns: template }}
        >
          {shown.map((column) => (
            <div role="columnheader" key={column.id} className={cx(pad, 'whitespace-nowrap', column.align === 'right' && 'text-right')}>
              {column.head}
            </div>
          ))}
        </div>
        {rows.length === 0 ? (
          <div role="row">
            <div role="gridcell">{empty}</div>
          </div>
        ) : (
          <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
            {items.map((item) => {
              const row = rows[item.index];
              if (row === undefined) return null;
              const key = rowKey(row);
              return (
                <div
                  key={key}
                  role="row"
                  data-row={item.index}
                  data-current={item.index === current}
                  aria-rowindex={item.index + 2}
                  aria-selected={selected === undefined ? undefined : key === selected}
                  tabIndex={item.index === current ? 0 : -1}
                  onFocus={() => setCurrent(item.index)}
                  onKeyDown={(event) => onKeyDown(event, item.index, row)}
                  onClick={(event) => {
                    if (href && event.target instanceof Element && !event.target.closest(interactive) && getSelection()?.isCollapsed !== false)
                      router.push(href(row));
                  }}
                  className={cx(
                    'absolute inset-x-0 grid items-center border-b border-hairline hover:bg-hover focus-inside aria-selected:bg-accent-soft',
                    href && 'cursor-pointer',
                  )}
                  style={{ gridTemplateColumns: template, height, transform: `translateY(${item.start}px)` }}
                >
                  {shown.map((column, index) => (
                    <div role={index === 0 ? 'rowheader' : 'gridcell'} key={column.id} className={cx(pad, column.align === 'right' && 'text-right')}>
                      {column.cell(row)}
                    </div>
                  ))}
                </div>
              );
            })}
          </div>
        )}
      </div>
    </div>
  );
}

/** Two lines in one cell; the second is quiet. Both clip, the whole text is in the title. */
export function TwoLines({ first, second, title }: { readonly first: ReactNode; readonly second: ReactNode; readonly title?: string }) {
  return (
    <span className="block min-w-0" title={title}>
      <span className="block truncate leading-4.5">{first}</span>
      <span className="mt-0.5 block truncate text-sm text-ink3">{second}</span>
    </span>
  );
}
