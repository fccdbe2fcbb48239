'use client';
import { Popover as Base } from '@base-ui/react/popover';
import { X } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';
import { IconButton } from './button.tsx';

export interface PopoverProps {
  /** The control that it explains: a button. */
  readonly trigger: ReactElement;
  readonly title: ReactNode;
  readonly children: ReactNode;
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
}

/** The popover itself: it is loaded when somebody asks for it first. */
export function PopoverPopup({ trigger, title, children, open, onOpenChange }: PopoverProps) {
  return (
    <Base.Root open={open} onOpenChange={(next) => onOpenChange(next)}>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={8} collisionPadding={12} className="z-50">
          <Base.Popup className="relative w-[min(25rem,calc(100vw-1.5rem))] rounded-lg border border-rule bg-raised px-4 py-3 shadow-pop outline-none">
            <Base.Arrow className="size-2.5 rotate-45 border border-rule bg-raised data-[side=bottom]:-top-[6px] data-[side=bottom]:border-r-0 data-[side=bottom]:border-b-0 data-[side=left]:hidden data-[side=right]:hidden data-[side=top]:-bottom-[6px] data-[side=top]:border-t-0 data-[side=top]:border-l-0" />
            <div className="flex items-start gap-2">
              <Base.Title className="flex min-w-0 flex-1 items-center gap-2 font-semibold wrap-anywhere">{title}</Base.Title>
              <Base.Close render={<IconButton label="Close" icon={X} size="sm" />} />
            </div>
            <div className="mt-2">{children}</div>
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
