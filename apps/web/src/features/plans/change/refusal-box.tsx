import type { ReactNode } from 'react';

/** What was refused stands in a box of its own, so that nothing of it looks applied. */
export function Refusal({ children, note }: { readonly children: ReactNode; readonly note?: string | undefined }) {
  return (
    <div className="mt-0.5 grid gap-0.5 rounded-md border border-bad-rule bg-bad-soft px-3 py-1.5 text-sm leading-4.5 wrap-anywhere">
      {children}
      {note ? <p className="text-ink2">{note}</p> : null}
    </div>
  );
}
