'use client';
import type { MatrixCellView } from '@tenon/contract';
import { type KeyboardEvent, useRef, useState } from 'react';
import { cx } from '../../ui/cx.ts';
import { KeyValues } from '../../ui/panel.tsx';
import { Popover } from '../../ui/popover.tsx';
import { capabilityLook, State } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';
import type { Matrix } from './matrix-model.ts';

const groupWords = { phase: 'Phases, in order of a sandbox’s life', point: 'Mutation points', feature: 'Features' } as const;

/** Driver by capability, each cell with its reason one step away. Arrow keys move between cells; one tab stop. */
export function MatrixTable({ matrix, label, withNeed }: { readonly matrix: Matrix; readonly label: string; readonly withNeed: boolean }) {
  const table = useRef<HTMLTableElement>(null);
  const [at, setAt] = useState({ row: 0, column: 0 });
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by || document.querySelector('[role="dialog"]')) return;
    event.preventDefault();
    const total = matrix.groups.reduce((sum, group) => sum + group.rows.length, 0);
    let { row, column } = at;
    // Empty cells are stepped over.
    for (;;) {
      row += by[0] ?? 0;
      column += by[1] ?? 0;
      if (row < 0 || column < 0 || row >= total || column >= matrix.drivers.length) return;
      const cell = table.current?.querySelector<HTMLElement>(`[data-cell="${row}-${column}"]`);
      if (cell) {
        setAt({ row, column });
        cell.focus();
        return;
      }
    }
  };
  let index = -1;
  return (
    <div className="overflow-x-auto">
      <table ref={table} aria-label={label} onKeyDown={onKeyDown} className="w-full border-collapse text-left">
        <thead>
          <tr className="border-b border-rule align-top text-sm">
            <th scope="col" className="sticky left-0 bg-surface px-4 py-2 font-medium text-ink3">
              Phase, point or feature
            </th>
            {withNeed ? (
              <th scope="col" className="px-2 py-2 font-medium text-ink3">
                Need
              </th>
            ) : null}
            {matrix.drivers.map((driver) => (
              <th key={driver.name} scope="col" className="min-w-26 px-2 py-2 font-normal">
                <b className="block font-semibold text-ink">{driver.name}</b>
                {withNeed ? (
                  <>
                    <State look={capabilityLook[driver.state === 'no_op' ? 'supported' : driver.state]} className="text-xs">
                      {driver.state === 'refused' ? 'refused' : 'runs'}
                    </State>
                    <span className="block text-xs text-ink3">
                      {driver.refused > 0 ? `${driver.refused} required` : driver.noOps > 0 ? `${driver.noOps} no-op` : 'all it uses'}
                    </span>
                  </>
                ) : null}
              </th>
            ))}
          </tr>
        </thead>
        {matrix.groups.map((group) => (
          <tbody key={group.kind}>
            <tr className="border-b border-hairline bg-sunken">
              <th scope="rowgroup" colSpan={matrix.drivers.length + (withNeed ? 2 : 1)} className="h-7 px-4 text-sm font-medium text-ink2">
                {groupWords[group.kind]}
              </th>
            </tr>
            {group.rows.map((row) => {
              index += 1;
              const own = index;
              return (
                <tr key={row.name} className="group border-b border-hairline last:border-b-0 hover:bg-hover">
                  <th scope="row" className="mono sticky left-0 h-6.5 bg-surface px-4 group-hover:bg-hover font-normal whitespace-nowrap">
                    {row.name}
                  </th>
                  {withNeed ? (
                    <td className={cx('px-2 text-sm whitespace-nowrap', row.need === 'required' ? 'font-medium' : 'text-ink2')}>{row.need}</td>
                  ) : null}
                  {matrix.drivers.map((driver, column) => {
                    const cell = row.cells.get(driver.name);
                    return (
                      <td key={driver.name} className="p-0 text-sm">
                        {cell ? (
                          <Cell
                            cell={cell}
                            place={`${own}-${column}`}
                            current={at.row === own && at.column === column}
                            onFocus={() => setAt({ row: own, column })}
                          />
                        ) : (
                          <span className="px-2 text-ink3">–</span>
                        )}
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        ))}
      </table>
    </div>
  );
}

function Cell({
  cell,
  place,
  current,
  onFocus,
}: {
  readonly cell: MatrixCellView;
  readonly place: string;
  readonly current: boolean;
  readonly onFocus: () => void;
}) {
  const look = capabilityLook[cell.state];
  return (
    <Popover
      title={
        <>
          <State look={look}>{cell.state === 'no_op' ? 'No-op (optional)' : cell.state === 'refused' ? 'Refused (required)' : 'Supported'}</State>
          <span className="text-sm font-normal text-ink2">
            <code>{cell.name}</code> on {cell.driver}
          </span>
        </>
      }
      trigger={
        <button
          type="button"
          data-cell={place}
          tabIndex={current ? 0 : -1}
          onFocus={onFocus}
          aria-label={`${cell.name} on ${cell.driver}: ${look.word}`}
          className={cx(
            'flex h-6.5 w-full items-center gap-1.25 px-2 text-xs whitespace-nowrap focus-inside',
            cell.state === 'refused' && 'bg-bad-soft font-medium',
          )}
        >
          <State look={look}>{cell.state === 'supported' ? <span className="sr-only">supported</span> : look.word}</State>
        </button>
      }
    >
      <p>{cell.reason}</p>
      <KeyValues
        className="mt-2 border-t border-hairline pt-2"
        rows={[
          ['Reported by', cell.reportedBy],
          cell.neededBy.length > 0 ? ['Needed by', cell.neededBy.join(', ')] : null,
          cell.remedy ? ['What to do', cell.remedy] : null,
          ['Asked', <Time key="t" at={cell.checkedAt} />],
        ]}
      />
    </Popover>
  );
}
