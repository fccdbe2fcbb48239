'use client';
import { Dialog as Base } from '@base-ui/react/dialog';
import { X } from 'lucide-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { IconButton } from './button.tsx';
import { cx } from './cx.ts';

export interface SheetProps {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: ReactNode;
  /** One line below the title: what changes into what. */
  readonly lede?: ReactNode;
  readonly footer?: ReactNode;
  readonly width?: 'narrow' | 'wide';
  /** Names the step of a dialog with several: focus begins anew with each. */
  readonly step?: string;
  readonly children: ReactNode;
}

/** A dialog is for a change: facts first, then the reason, then the button that names its result. */
export function Sheet({ open, onClose, title, lede, footer, width = 'narrow', step, children }: SheetProps) {
  const body = useRef<HTMLDivElement>(null);
  const first = () => body.current?.querySelector<HTMLElement>('input:not([disabled]),select:not([disabled]),textarea') ?? true;
  const shown = useRef(step);
  useEffect(() => {
    if (shown.current === step) return;
    shown.current = step;
    const target = body.current?.querySelector<HTMLElement>('textarea,input:not([disabled]),select:not([disabled])');
    target?.focus();
  }, [step]);
  return (
    <Base.Root
      open={open}
      disablePointerDismissal
      onOpenChange={(next) => {
        if (!next) onClose();
      }}
    >
      <Base.Portal>
        <Base.Backdrop className="fixed inset-0 z-30 bg-scrim transition-opacity duration-200 data-[ending-style]:opacity-0 data-[starting-style]:opacity-0" />
        <Base.Viewport className="fixed inset-0 z-40 grid place-items-center md:p-6">
          <Base.Popup
            initialFocus={first}
            className={cx(
              'flex h-dvh w-screen flex-col overflow-hidden bg-surface shadow-dialog transition-opacity duration-200 data-[ending-style]:opacity-0 data-[starting-style]:opacity-0 md:h-auto md:max-h-[calc(100dvh-3rem)] md:w-full md:rounded-xl md:border md:border-rule',
              width === 'wide' ? 'md:max-w-272' : 'md:max-w-140',
            )}
          >
            <header className="flex items-start gap-3 border-b border-hairline px-3 pt-4 pb-3 md:px-5">
              <div className="min-w-0 flex-1">
                <Base.Title className="text-lg font-semibold">{title}</Base.Title>
                {lede ? <div className="mt-0.5 text-ink2">{lede}</div> : null}
              </div>
              <Base.Close render={<IconButton label="Close" icon={X} />} />
            </header>
            <div ref={body} className="min-h-0 flex-1 overflow-y-auto">
              {children}
            </div>
            {footer ? <footer className="flex flex-wrap items-center gap-2 border-t border-hairline bg-raised px-3 py-3 md:px-5">{footer}</footer> : null}
          </Base.Popup>
        </Base.Viewport>
      </Base.Portal>
    </Base.Root>
  );
}
