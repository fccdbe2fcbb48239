'use client';
import { Menu, Search, X } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { type Final, Freshness } from '../live/freshness.tsx';
import { IconButton } from '../ui/button.tsx';
import { Kbd } from '../ui/code.tsx';
import { cx } from '../ui/cx.ts';
import { useShell } from './shell-context.ts';

export interface Crumb {
  readonly label: string;
  readonly href?: string;
}

interface PageProps {
  /** Title of the window: states what is shown. */
  readonly title: string;
  readonly crumbs: readonly Crumb[];
  /** Set where what is shown has ended or is sealed. */
  readonly final?: Final | undefined;
  /** The page fills the window and its parts scroll by themselves. */
  readonly fit?: boolean;
  readonly children: ReactNode;
}

/** One page: top bar with its place and freshness, then what it shows. */
export function Page({ title, crumbs, final, fit = false, children }: PageProps) {
  const { navOpen, toggleNav, openPalette } = useShell();
  return (
    <div className={cx('flex min-w-0 flex-col', fit ? 'md:h-dvh md:overflow-hidden' : '')}>
      <title>{`${title} · Tenon`}</title>
      <header className="sticky top-0 z-20 flex h-topbar shrink-0 items-center gap-2 border-b border-hairline bg-surface px-3 md:gap-3 md:pr-4 md:pl-6">
        <span className="md:hidden">
          <IconButton label="Menu" icon={navOpen ? X : Menu} aria-expanded={navOpen} onClick={toggleNav} />
        </span>
        <nav aria-label="Breadcrumb" className="min-w-0 flex-1">
          <ol className="flex min-w-0 items-center gap-1 whitespace-nowrap text-ink2">
            {crumbs.map((crumb, index) => {
              const last = index === crumbs.length - 1;
              return (
                <li key={crumb.label} className={cx('flex min-w-0 items-center gap-1', !last && 'max-md:hidden')}>
                  {index > 0 ? (
                    <span aria-hidden className="px-0.5 text-ink3 max-md:hidden">
                      /
                    </span>
                  ) : null}
                  {last || crumb.href === undefined ? (
                    <span aria-current={last ? 'page' : undefined} className={cx('truncate', last && 'font-medium text-ink')}>
                      {crumb.label}
                    </span>
                  ) : (
                    <Link href={crumb.href} className="truncate hover:text-ink hover:underline">
                      {crumb.label}
                    </Link>
                  )}
                </li>
              );
            })}
          </ol>
        </nav>
        <Freshness final={final} />
        <button
          type="button"
          onClick={openPalette}
          aria-keyshortcuts="Control+K"
          className="flex h-control items-center gap-2 rounded-md border border-rule bg-raised pr-1 pl-2 text-ink3 hover:border-edge max-md:border-transparent max-md:bg-transparent md:w-38 lg:w-60"
        >
          <Search aria-hidden size={16} strokeWidth={1.5} className="shrink-0" />
          <span className="max-md:sr-only">
            Search<span className="max-lg:sr-only"> or jump to</span>
          </span>
          <span className="ml-auto max-md:hidden">
            <Kbd>Ctrl K</Kbd>
          </span>
        </button>
      </header>
      <main id="content" tabIndex={-1} className={cx('min-w-0 outline-none', fit ? 'flex min-h-0 flex-1 flex-col' : 'px-3 pt-4 pb-6 md:px-6 md:pt-5 md:pb-8')}>
        {children}
      </main>
    </div>
  );
}

interface HeadProps {
  /** States the situation, or names the thing. */
  readonly title: ReactNode;
  readonly chips?: ReactNode;
  readonly lede?: ReactNode;
  readonly actions?: ReactNode;
}

export function PageHead({ title, chips, lede, actions }: HeadProps) {
  return (
    <div className="flex flex-wrap items-start gap-x-4 gap-y-2">
      <div className="min-w-0 flex-1 basis-64">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <h1 className="text-xl font-semibold tracking-[-0.015em] wrap-anywhere">{title}</h1>
          {chips}
        </div>
        {lede ? <div className="mt-1 text-ink2">{lede}</div> : null}
      </div>
      {actions ? <div className="flex max-w-full flex-wrap items-center gap-2">{actions}</div> : null}
    </div>
  );
}
