'use client';
import dynamic from 'next/dynamic';
import { cloneElement, type ReactElement, type ReactNode, useState } from 'react';

const PopoverPopup = dynamic(() => import('./popover-popup.tsx').then((module) => module.PopoverPopup), { ssr: false });

interface TriggerProps {
  readonly onClick?: () => void;
  readonly 'aria-haspopup'?: 'dialog';
  readonly 'aria-expanded'?: boolean;
}

interface PopoverProps {
  /** The control that it explains: a button. */
  readonly trigger: ReactElement<TriggerProps>;
  readonly title: ReactNode;
  readonly children: ReactNode;
  readonly open?: boolean;
  readonly onOpenChange?: (open: boolean) => void;
}

/** Explains one thing, sits at its cause, closes on Escape and gives focus back. Until it is asked for it is its trigger alone. */
export function Popover({ trigger, title, children, open: given, onOpenChange }: PopoverProps) {
  const [own, setOwn] = useState(false);
  const [asked, setAsked] = useState(false);
  const open = given ?? own;
  const setOpen = (next: boolean) => {
    setOwn(next);
    onOpenChange?.(next);
  };
  // Once it was open its trigger stays the popover's own, so that focus has something to come back to.
  if (!open && !asked) return cloneElement(trigger, { 'aria-haspopup': 'dialog', 'aria-expanded': false, onClick: () => setOpen(true) });
  if (open && !asked) setAsked(true);
  return (
    <PopoverPopup trigger={trigger} title={title} open={open} onOpenChange={setOpen}>
      {children}
    </PopoverPopup>
  );
}
