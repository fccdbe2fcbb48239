'use client';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ChevronsUpDown } from 'lucide-react';
import { useMemo, useRef, useState } from 'react';
import { Author } from '../../ui/author.tsx';
import { cx } from '../../ui/cx.ts';
import { plural } from '../../ui/format.ts';
import { ownerOf } from './field-tree.ts';
import type { PlanContext } from './plan-context.ts';
import { foldUnchanged, type RawBlock, type RawLine, rawDiff } from './raw-diff.ts';
import { rewind } from './rewind.ts';

type Shown = { readonly kind: 'line'; readonly line: RawLine } | { readonly kind: 'fold'; readonly block: Extract<RawBlock, { kind: 'fold' }> };

const tracks = 'grid grid-cols-[minmax(0,1fr)_minmax(0,1fr)_10rem] max-lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]';

/** Two revisions of the plan as text, side by side, with the author of each changed line. */
export function PlanRaw({ context, from, to }: { readonly context: PlanContext; readonly from: number; readonly to: number }) {
  const { plan, points, placeOf, reserved } = context;
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const blocks = useMemo(() => {
    const at = (number: number) =>
      rewind(
        plan.value,
        plan.revisions.filter((revision) => revision.number > number).flatMap((revision) => revision.changes),
        points,
      );
    return foldUnchanged(rawDiff(at(from), at(to), points));
  }, [plan, points, from, to]);
  const changes = useMemo(
    () =>
      plan.revisions
        .filter((revision) => revision.number > from && revision.number <= to)
        .flatMap((revision) => revision.changes.map((change) => ({ change, at: revision.number }))),
    [plan, from, to],
  );
  const rows = useMemo(
    () =>
      blocks.flatMap((block): Shown[] => {
        if (block.kind === 'fold' && !open.has(block.id)) return [{ kind: 'fold', block }];
        return block.lines.map((line) => ({ kind: 'line', line }));
      }),
    [blocks, open],
  );
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => 22,
    overscan: 20,
    initialRect: { width: 1024, height: 720 },
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section ref={box} aria-label="Raw side by side" tabIndex={0} className="min-h-0 flex-1 overflow-auto focus-inside max-md:max-h-[75dvh]">
      <div className="mono min-w-240 leading-5.5">
        <div className={cx(tracks, 'sticky top-0 z-10 h-7 items-center border-b border-hairline bg-surface font-sans text-sm text-ink2')}>
          <span className="px-4">{from === 0 ? 'r0, requested' : `r${from}`}</span>
          <span className="border-l border-hairline px-4">
            r{to}
            {plan.sealedAt !== null && to === plan.revisions.at(-1)?.number ? ', sealed' : ''}
          </span>
          <span className="px-2 max-lg:hidden">Set by</span>
        </div>
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <div key={item.key} className="absolute inset-x-0" style={{ height: 22, transform: `translateY(${item.start}px)` }}>
                {row.kind === 'fold' ? (
                  <button
                    type="button"
                    onClick={() => setOpen((old) => new Set(old).add(row.block.id))}
                    className="flex h-full w-full items-center gap-2 bg-sunken px-4 font-sans text-sm text-ink2 hover:bg-hover focus-inside"
                  >
                    <ChevronsUpDown aria-hidden size={14} className="text-ink3" />
                    <b className="font-medium">{plural(row.block.lines.length, 'line')} unchanged</b> {row.block.names}
                  </button>
                ) : (
                  <Line line={row.line} owner={row.line.changed ? ownerOf(row.line.path, changes, reserved) : null} placeOf={placeOf} />
                )}
              </div>
            );
          })}
        </div>
      </div>
    </section>
  );
}

function Line({
  line,
  owner,
  placeOf,
}: {
  readonly line: RawLine;
  readonly owner: ReturnType<typeof ownerOf> | null;
  readonly placeOf: PlanContext['placeOf'];
}) {
  return (
    <div className={cx(tracks, 'h-full')}>
      <Side
        number={line.leftNumber}
        text={line.left}
        sign={line.changed && line.left !== null ? '−' : ''}
        ground={line.changed ? (line.left === null ? 'bg-sunken' : 'bg-del') : ''}
      />
      <Side
        number={line.rightNumber}
        text={line.right}
        sign={line.changed && line.right !== null ? '+' : ''}
        ground={cx('border-l border-hairline', line.changed && (line.right === null ? 'bg-sunken' : 'bg-ins'))}
      />
      <span className={cx('truncate px-2 max-lg:hidden', owner?.kind === 'extension' && 'border-l-2 border-changed-fill')}>
        {owner?.kind === 'extension' ? <Author kind="extension" name={owner.name} place={placeOf(owner.name)} /> : null}
      </span>
    </div>
  );
}

function Side({
  number,
  text,
  sign,
  ground,
}: {
  readonly number: number | null;
  readonly text: string | null;
  readonly sign: string;
  readonly ground: string;
}) {
  return (
    <span className={cx('grid grid-cols-[3rem_1rem_minmax(0,1fr)] overflow-hidden', ground)}>
      <span className="pr-2 text-right text-ink3 select-none">{number}</span>
      <span className="text-center text-ink2 select-none">{sign}</span>
      <span className="truncate whitespace-pre" title={text ?? undefined}>
        {text}
      </span>
    </span>
  );
}
