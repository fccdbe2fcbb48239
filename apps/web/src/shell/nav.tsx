'use client';
import { LogOut, Moon, Sun, SunMoon } from 'lucide-react';
import Link from 'next/link';
import { usePathname } from 'next/navigation';
import { useState } from 'react';
import { useSession, useSignOut } from '../features/session/index.ts';
import { IconButton } from '../ui/button.tsx';
import { cx } from '../ui/cx.ts';
import { Mark } from '../ui/mark.tsx';
import { showCount, useTroubleCounts } from './counts.ts';
import { isIn, PLACES, type Place } from './places.ts';
import { useStartTheme } from './providers.tsx';
import { applyTheme, THEMES, type Theme } from './theme.ts';

const themeIcon = { system: SunMoon, light: Sun, dark: Moon } as const;

function ThemeButton() {
  const [theme, setTheme] = useState<Theme>(useStartTheme());
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  return (
    <IconButton
      size="sm"
      icon={themeIcon[theme]}
      label={`Theme: ${theme}. Switch to ${next}`}
      onClick={() => {
        applyTheme(next);
        setTheme(next);
      }}
    />
  );
}

/** The main navigation: 208 px, a rail below 1180 px, behind the menu button below 760 px. */
export function Nav({ open, onNavigate }: { readonly open: boolean; readonly onNavigate: () => void }) {
  const path = usePathname();
  const session = useSession();
  const signOut = useSignOut();
  const trouble = useTroubleCounts();
  const only = 'max-lg:md:sr-only';
  return (
    <nav
      aria-label="Main"
      className={cx(
        'flex-col overflow-y-auto border-hairline bg-canvas px-2 pb-2 max-md:fixed max-md:inset-x-0 max-md:top-topbar max-md:bottom-0 max-md:z-20 md:sticky md:top-0 md:flex md:h-dvh md:border-r',
        open ? 'flex' : 'hidden',
      )}
    >
      <Link
        href="/"
        aria-label="Tenon, overview"
        className="flex h-topbar shrink-0 items-center gap-2 px-2 text-lg font-semibold tracking-[-0.02em] max-lg:justify-center max-md:hidden"
      >
        <Mark />
        <span className="max-lg:hidden">Tenon</span>
      </Link>
      {PLACES.map(({ group, places }) => (
        <div key={group} className="mt-3 max-lg:md:border-t max-lg:md:border-hairline max-lg:md:pt-2 max-lg:md:first-of-type:border-0">
          <p aria-hidden className={cx('px-2 py-1 text-xs font-medium text-ink3', only)}>
            {group}
          </p>
          <ul aria-label={group}>
            {places.map((place) => (
              <NavItem
                key={place.href}
                place={place}
                current={isIn(path, place.href)}
                count={place.counts ? trouble[place.counts] : null}
                onNavigate={onNavigate}
                only={only}
              />
            ))}
          </ul>
        </div>
      ))}
      <div className="mt-auto flex items-center gap-1 px-2 pt-3 text-sm max-lg:md:flex-col max-lg:md:px-0">
        <div className={cx('min-w-0 flex-1', only)}>
          <b className="block truncate font-medium">{session.name}</b>
          <span className="block truncate text-ink3">
            {session.role}
            {session.workspaces === null ? '' : `, ${session.workspaces.length} ${session.workspaces.length === 1 ? 'workspace' : 'workspaces'}`}
          </span>
        </div>
        <ThemeButton />
        <IconButton size="sm" icon={LogOut} label="Sign out" onClick={signOut} />
      </div>
    </nav>
  );
}

interface ItemProps {
  readonly place: Place;
  readonly current: boolean;
  readonly count: { readonly count: number; readonly more: boolean } | null;
  readonly only: string;
  readonly onNavigate: () => void;
}

function NavItem({ place: { href, label, icon: Icon, counts }, current, count, only, onNavigate }: ItemProps) {
  return (
    <li>
      <Link
        href={href}
        title={label}
        aria-current={current ? 'page' : undefined}
        onClick={onNavigate}
        className={cx(
          'relative flex h-7.5 items-center gap-2 rounded-md px-2 max-lg:md:justify-center max-md:h-10',
          current ? 'bg-surface font-medium text-ink shadow-[inset_0_0_0_1px_var(--color-hairline)]' : 'text-ink2 hover:bg-hover hover:text-ink',
        )}
      >
        <Icon aria-hidden size={16} strokeWidth={1.5} className={cx('shrink-0', current && 'text-accent')} />
        <span className={only}>{label}</span>
        {count && count.count > 0 ? (
          <span
            className={cx(
              'ml-auto min-w-5 rounded-sm px-1 text-center text-xs leading-4.5 font-medium max-lg:md:absolute max-lg:md:top-0 max-lg:md:right-0 max-lg:md:min-w-3.5 max-lg:md:leading-3.5',
              counts === 'failures' ? 'bg-bad-soft text-bad' : 'bg-owed-soft text-owed',
            )}
          >
            {showCount(count)}
            <span className="sr-only">{counts === 'failures' ? ' runs failed in the last day' : ' owed effects'}</span>
          </span>
        ) : null}
      </Link>
    </li>
  );
}
