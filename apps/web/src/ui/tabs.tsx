import Link from 'next/link';
import { cx } from './cx.ts';

export interface TabLink {
  readonly href: string;
  readonly label: string;
  readonly count?: number | undefined;
  readonly current: boolean;
}

/** Tabs are links: each has an address of its own. */
export function TabLinks({ label, tabs }: { readonly label: string; readonly tabs: readonly TabLink[] }) {
  return (
    <nav aria-label={label} className="-mb-px flex gap-4 overflow-x-auto [scrollbar-width:none]">
      {tabs.map((tab) => (
        <Link
          key={tab.label}
          href={tab.href}
          aria-current={tab.current ? 'page' : undefined}
          className={cx(
            'flex h-9 items-center gap-1.5 border-b-2 whitespace-nowrap focus-inside',
            tab.current ? 'border-accent font-medium text-ink' : 'border-transparent text-ink2 hover:text-ink',
          )}
        >
          {tab.label}
          {tab.count === undefined ? null : (
            <span className="min-w-5 rounded-sm bg-idle-soft px-1 text-center text-xs leading-4.5 font-medium text-ink2">{tab.count}</span>
          )}
        </Link>
      ))}
    </nav>
  );
}
