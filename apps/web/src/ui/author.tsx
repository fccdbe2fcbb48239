import { Lock } from 'lucide-react';
import { cx } from './cx.ts';

/** Who set a field. The number is the extension's place in the sandbox's setup order, the same on every screen. */
export function Author({
  kind,
  name,
  place,
}: {
  readonly kind: 'request' | 'driver' | 'extension';
  readonly name: string;
  readonly place?: number | undefined;
}) {
  if (kind !== 'extension') {
    return (
      <span className="inline-flex items-center gap-1 text-sm whitespace-nowrap text-ink2">
        {kind === 'driver' && name === 'reserved' ? <Lock aria-hidden size={12} strokeWidth={1.75} className="text-ink3" /> : null}
        {kind}
      </span>
    );
  }
  return (
    <span className="inline-flex h-5 min-w-0 items-center gap-1.25 text-sm leading-none whitespace-nowrap text-changed">
      <Place of={place} owned />
      <span className="truncate">{name}</span>
    </span>
  );
}

export function Place({ of, owned = false }: { readonly of: number | undefined; readonly owned?: boolean }) {
  return (
    <span
      className={cx(
        'inline-grid size-4.25 shrink-0 place-items-center rounded-sm text-xs leading-none font-semibold',
        owned ? 'bg-changed-soft text-changed shadow-[inset_0_0_0_1px_var(--color-changed-fill)]' : 'text-ink2 shadow-[inset_0_0_0_1px_var(--color-rule)]',
      )}
    >
      {of === undefined ? <span aria-hidden>·</span> : of}
    </span>
  );
}
