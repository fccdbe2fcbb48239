'use client';
import { Ellipsis, type LucideIcon } from 'lucide-react';
import dynamic from 'next/dynamic';
import { useState } from 'react';

const MenuPopup = dynamic(() => import('./menu-popup.tsx').then((module) => module.MenuPopup), { ssr: false });

export interface MenuAction {
  readonly label: string;
  readonly icon?: LucideIcon;
  readonly danger?: boolean;
  /** Why it cannot be done: shown below the label. */
  readonly denied?: string | null;
  readonly onSelect: () => void;
}

export const menuTrigger =
  'inline-grid size-7 shrink-0 place-items-center rounded-md border border-transparent text-ink2 hover:border-rule hover:bg-raised hover:text-ink data-[popup-open]:bg-hover';

/** The menu of a row or a page: what else can be done with it. Until it is asked for it is a plain button. */
export function ActionMenu(props: { readonly label: string; readonly actions: readonly MenuAction[]; readonly tabIndex?: number }) {
  const [asked, setAsked] = useState(false);
  if (asked) return <MenuPopup {...props} />;
  return (
    <button
      type="button"
      aria-label={props.label}
      title={props.label}
      aria-haspopup="menu"
      aria-expanded={false}
      tabIndex={props.tabIndex}
      onClick={() => setAsked(true)}
      className={menuTrigger}
    >
      <Ellipsis aria-hidden size={16} strokeWidth={1.5} />
    </button>
  );
}
