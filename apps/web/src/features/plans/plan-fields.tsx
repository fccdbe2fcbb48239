// biome-ignore-all lint/a11y/useSemanticElements: rows of a virtual grid are positioned boxes, which table elements cannot be
// biome-ignore-all lint/a11y/useFocusableInteractive: focus lives on the row: one tab stop, arrow keys between rows
'use client';
import { ChevronRight, ChevronsUpDown, Lock } from 'lucide-react';
import { useMemo, useState } from 'react';
import { Author } from '../../ui/author.tsx';
import { cx } from '../../ui/cx.ts';
import { plural } from '../../ui/format.ts';
import { NARROW, useMedia } from '../../ui/media.ts';
import { Popover } from '../../ui/popover.tsx';
import { TreeGrid } from '../../ui/tree-grid.tsx';
import { Blame } from './blame.tsx';
import { HiddenMark } from './change/hidden.tsx';
import { countLeaves, type FieldRow, fieldRows } from './field-tree.ts';
import type { PlanContext } from './plan-context.ts';

const tracks = 'grid grid-cols-[minmax(0,12.5rem)_minmax(0,1fr)_9.5rem] items-center max-md:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]';

/** The sealed plan field by field: who set each, and why, one step away. */
export function PlanFields({ context, filter }: { readonly context: PlanContext; readonly filter: string }) {
  const { plan, points, reserved } = context;
  const narrow = useMedia(NARROW);
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = useState<string | null>(null);
  const [asked, setAsked] = useState<string | null>(null);
  const rows = useMemo(
    () => fieldRows({ value: plan.value, revisions: plan.revisions, points, reserved }, toggled, filter),
    [plan, points, reserved, toggled, filter],
  );
  const total = useMemo(() => countLeaves(plan.value), [plan.value]);
  const owned = useMemo(() => rows.filter((row) => row.owner?.kind === 'extension' && row.expanded === undefined).length, [rows]);
  const toggle = (id: string) =>
    setToggled((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  return (
    <section aria-label="Sealed plan" className="flex min-h-0 min-w-0 flex-col border-hairline max-lg:border-t lg:border-l">
      <header className="flex h-9 shrink-0 items-center gap-2 border-b border-hairline px-3 md:px-4">
        <h2 className="font-semibold whitespace-nowrap">{plan.sealedAt === null ? 'Plan' : 'Sealed plan'}</h2>
        <span className="flex-1" />
        <span className="truncate text-sm text-ink3">
          {plural(total, 'field')}
          {filter === '' ? `, ${owned} set by extensions` : ''}
        </span>
      </header>
      <TreeGrid
        label="Fields of the plan"
        rows={rows}
        columns={3}
        rowHeight={narrow ? 44 : 26}
        active={active}
        onActive={setActive}
        onToggle={toggle}
        onOpen={(row) => {
          if (row.expanded !== undefined) toggle(row.id);
          else if (row.path !== null) setAsked(row.path);
        }}
        className="max-h-[75dvh] flex-1"
        rowClass={(row) => cx(row.owner?.kind === 'extension' && 'shadow-[inset_2px_0_0_var(--color-changed-fill)]', row.fold && 'bg-sunken')}
        head={
          <div className={cx(tracks, 'h-6.5 text-sm font-medium text-ink3')}>
            <div role="columnheader" className="px-4">
              Field
            </div>
            <div role="columnheader" className="px-2">
              Value
            </div>
            <div role="columnheader" className="px-2 max-md:hidden">
              Set by
            </div>
          </div>
        }
        cells={(row) =>
          row.fold ? <Fold row={row} /> : <Field row={row} context={context} asked={asked === row.path} onAsk={(open) => setAsked(open ? row.path : null)} />
        }
      />
    </section>
  );
}

function Fold({ row }: { readonly row: FieldRow }) {
  return (
    <div role="gridcell" className="flex h-full items-center gap-2 px-3 text-sm text-ink2">
      <ChevronsUpDown aria-hidden size={14} className="shrink-0 text-ink3" />
      <span className="truncate">
        <b className="font-medium">{plural(row.fold?.count ?? 0, 'field')} unchanged</b> · {row.fold?.names}
      </span>
      <span className="ml-auto whitespace-nowrap text-ink3">request and driver</span>
    </div>
  );
}

function Field({
  row,
  context,
  asked,
  onAsk,
}: {
  readonly row: FieldRow;
  readonly context: PlanContext;
  readonly asked: boolean;
  readonly onAsk: (open: boolean) => void;
}) {
  const owned = row.owner?.kind === 'extension';
  return (
    <div className={cx(tracks, 'h-full')}>
      <div role="gridcell" className="mono flex min-w-0 items-center gap-1 pr-2" style={{ paddingLeft: `calc(0.75rem + ${row.level - 1} * 1.125rem)` }}>
        <span aria-hidden className="grid w-4 shrink-0 place-items-center text-ink3">
          {row.expanded === undefined ? null : <ChevronRight size={12} strokeWidth={2} className={cx('transition-transform', row.expanded && 'rotate-90')} />}
        </span>
        <span className="truncate" title={row.path ?? undefined}>
          {row.label}
        </span>
      </div>
      <div role="gridcell" className={cx('mono min-w-0 truncate px-2', owned ? 'font-medium text-ink' : 'text-ink2')} title={row.text}>
        {row.hidden ? <HiddenMark /> : row.text}
      </div>
      <div role="gridcell" className="min-w-0 px-2 max-md:col-span-2 max-md:pl-8">
        {row.owner === null || row.path === null ? null : (
          <Popover
            open={asked}
            onOpenChange={onAsk}
            title={<code>{row.path}</code>}
            trigger={
              <button
                type="button"
                tabIndex={-1}
                aria-label={`Who set ${row.path}`}
                className="-mx-1 inline-flex h-6 max-w-full items-center rounded-sm px-1 hover:bg-hover data-[popup-open]:bg-changed-soft data-[popup-open]:shadow-[inset_0_0_0_1px_var(--color-changed-fill)]"
              >
                <Owner row={row} context={context} />
              </button>
            }
          >
            <Blame context={context} path={row.path} />
          </Popover>
        )}
      </div>
    </div>
  );
}

function Owner({ row, context }: { readonly row: FieldRow; readonly context: PlanContext }) {
  if (row.owner?.kind === 'extension') return <Author kind="extension" name={row.owner.name} place={context.placeOf(row.owner.name)} />;
  if (row.owner?.kind === 'reserved') {
    return (
      <span className="inline-flex items-center gap-1 text-sm text-ink2">
        <Lock aria-hidden size={12} strokeWidth={1.75} className="text-ink3" />
        reserved
      </span>
    );
  }
  return <span className="text-sm text-ink3">unchanged</span>;
}
