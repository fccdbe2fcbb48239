import type { ReactNode } from 'react';
import { cx } from './cx.ts';

/** A stable error code. */
export function ErrorCode({ children, tone = 'bad' }: { readonly children: ReactNode; readonly tone?: 'bad' | 'plain' }) {
  return (
    <code className={cx('rounded-sm px-1.25 py-px whitespace-nowrap', tone === 'bad' ? 'bg-bad-soft font-medium text-bad' : 'bg-idle-soft text-ink')}>
      {children}
    </code>
  );
}

export function Kbd({ children }: { readonly children: ReactNode }) {
  return (
    <kbd className="inline-flex h-4.5 min-w-4.5 shrink-0 items-center justify-center rounded-sm border border-b-2 border-rule bg-surface px-1 font-sans text-xs leading-none font-medium whitespace-nowrap text-ink2">
      {children}
    </kbd>
  );
}
