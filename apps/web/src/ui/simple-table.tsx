import type { ReactNode } from 'react';
import { cx } from './cx.ts';

export interface SimpleColumn<T> {
  readonly id: string;
  readonly head: ReactNode;
  readonly align?: 'right';
  readonly hide?: 'medium' | 'narrow';
  /** The column that clips and takes what is left. */
  readonly wide?: boolean;
  readonly cell: (row: T) => ReactNode;
}

/** A short table (bounded by nature: activations, hooks, revisions). Long ones are DataTable. */
export function SimpleTable<T>({
  label,
  columns,
  rows,
  rowKey,
  empty,
}: {
  readonly label: string;
  readonly columns: readonly SimpleColumn<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string;
  readonly empty?: ReactNode;
}) {
  if (rows.length === 0 && empty) return <>{empty}</>;
  const hidden = (column: SimpleColumn<T>) => (column.hide === 'narrow' ? 'max-md:hidden' : column.hide === 'medium' ? 'max-lg:hidden' : '');
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="overflow-x-auto focus-inside" aria-label={label} tabIndex={0}>
      <table aria-label={label} className="w-full border-collapse text-left">
        <thead>
          <tr className="border-b border-hairline text-sm text-ink3">
            {columns.map((column) => (
              <th
                key={column.id}
                scope="col"
                className={cx('h-7.5 px-2 font-medium whitespace-nowrap first:pl-4 last:pr-3', column.align === 'right' && 'text-right', hidden(column))}
              >
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={rowKey(row)} className="border-b border-hairline last:border-b-0 hover:bg-hover">
              {columns.map((column, index) => {
                const classes = cx(
                  'h-9 px-2 py-1 font-normal first:pl-4 last:pr-3',
                  column.align === 'right' && 'text-right',
                  column.wide ? 'w-full max-w-0 truncate' : 'whitespace-nowrap',
                  hidden(column),
                );
                return index === 0 ? (
                  <th key={column.id} scope="row" className={classes}>
                    {column.cell(row)}
                  </th>
                ) : (
                  <td key={column.id} className={classes}>
                    {column.cell(row)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
