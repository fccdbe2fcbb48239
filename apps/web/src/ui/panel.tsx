import Link from 'next/link';
import { Fragment, type ReactNode, useId } from 'react';
import { cx } from './cx.ts';

interface PanelProps {
  readonly title: string;
  readonly note?: ReactNode;
  readonly more?: { readonly href: string; readonly label: string };
  readonly actions?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}

/** A region with a title, hairlines around it. */
export function Panel({ title, note, more, actions, className, children }: PanelProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={cx('min-w-0 overflow-hidden rounded-lg border border-hairline bg-surface', className)}>
      <header className="flex min-h-10 items-center gap-2 border-b border-hairline pr-3 pl-4">
        <h2 id={id} className="font-semibold whitespace-nowrap">
          {title}
        </h2>
        {note ? <span className="truncate text-sm text-ink3">{note}</span> : null}
        <span className="flex-1" />
        {actions}
        {more ? (
          <Link href={more.href} className="text-sm whitespace-nowrap text-ink2 underline decoration-rule underline-offset-2">
            {more.label}
          </Link>
        ) : null}
      </header>
      {children}
    </section>
  );
}

/** Facts by name. */
export function KeyValues({ rows, className }: { readonly rows: readonly (readonly [string, ReactNode] | null)[]; readonly className?: string }) {
  return (
    <dl className={cx('grid grid-cols-[max-content_minmax(0,1fr)] gap-x-3 gap-y-1 text-sm leading-4.5', className)}>
      {rows.map((row) =>
        row ? (
          <Fragment key={row[0]}>
            <dt className="text-ink3">{row[0]}</dt>
            <dd className="min-w-0 wrap-anywhere">{row[1]}</dd>
          </Fragment>
        ) : null,
      )}
    </dl>
  );
}

/** Facts in one line, parted by dots. */
export function Meta({ items }: { readonly items: readonly ReactNode[] }) {
  const shown = items.filter((item) => item !== null && item !== undefined && item !== false && item !== '');
  return (
    // A dot that would begin a line lies outside the clip.
    <ul className="mt-1 -ml-3.5 flex flex-wrap items-center gap-y-0.5 text-sm text-ink2 [clip-path:inset(-4px_-4px_-4px_0.875rem)]">
      {shown.map((item, index) => (
        <li
          // biome-ignore lint/suspicious/noArrayIndexKey: the facts of one line are positional and never reordered
          key={index}
          className="relative inline-flex items-center gap-1 pl-3.5 max-lg:has-[>[data-wide-only]]:hidden before:absolute before:left-1.5 before:size-[3px] before:rounded-full before:bg-edge"
        >
          {item}
        </li>
      ))}
    </ul>
  );
}

/** One sentence why it is empty, one action. */
export function Empty({ children, action }: { readonly children: ReactNode; readonly action?: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center gap-3 px-4 py-4 text-ink2">
      <p>{children}</p>
      {action}
    </div>
  );
}

/** Grey lines where rows will stand; they appear after 200 ms, so that a quick answer shows none. */
export function Skeleton({ rows = 6, className }: { readonly rows?: number; readonly className?: string }) {
  return (
    <div className={cx('grid gap-px', className)} role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: placeholder rows have no identity
        <div key={index} className="flex h-9 items-center gap-4 px-4">
          <span className="h-2.5 animate-[appear_1ms_200ms_both] rounded-sm bg-idle-soft" style={{ width: `${12 + ((index * 7) % 18)}rem`, maxWidth: '60%' }} />
          <span className="h-2.5 w-20 animate-[appear_1ms_200ms_both] rounded-sm bg-idle-soft" />
        </div>
      ))}
    </div>
  );
}
