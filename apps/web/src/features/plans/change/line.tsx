import { ArrowRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { cx } from '../../../ui/cx.ts';
import type { Glyph } from './model.ts';

const glyphWord: Record<Glyph, string> = { '+': 'added', '−': 'removed', '~': 'changed' };

interface LineProps {
  readonly glyph: Glyph;
  readonly path: ReactNode;
  /** In shadow: would have been. */
  readonly would?: boolean | undefined;
  readonly overrode?: string | null;
  readonly children?: ReactNode;
}

/** One line a change: glyph, path, before, after. */
export function ChangeLine({ glyph, path, would = false, overrode = null, children }: LineProps) {
  return (
    <div className={cx('mono grid grid-cols-[1rem_minmax(0,1fr)] gap-x-1 leading-5.25', would && 'italic')}>
      <b className="text-center font-semibold text-changed not-italic">
        <span aria-hidden>{glyph}</span>
        <span className="sr-only">{would ? `would be ${glyphWord[glyph]}` : glyphWord[glyph]}</span>
      </b>
      <span className="min-w-0 wrap-anywhere">
        <span className="text-ink">{path}</span> {children}
        {overrode === null ? null : <span className="font-sans text-owed"> overrides {overrode}</span>}
      </span>
    </div>
  );
}

/** Before, an arrow, after; where one side is missing, only the other. */
export function Values({ before, after }: { readonly before: string | null; readonly after: string | null }) {
  return (
    <>
      {before === null ? null : <del className="text-ink3 no-underline">{before}</del>}
      {before !== null && after !== null ? (
        <ArrowRight aria-label="becomes" size={12} strokeWidth={1.75} className="mx-1 inline align-[-1px] text-ink3" />
      ) : null}
      {after === null ? null : <ins className="font-medium text-ink no-underline">{after}</ins>}
    </>
  );
}
