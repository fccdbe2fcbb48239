'use client';
import { Ellipsis } from 'lucide-react';
import dynamic from 'next/dynamic';
import { useState } from 'react';
import { type MenuAction, menuTrigger } from './menu-action.ts';

const MenuPopup = dynamic(() => import('./menu-popup.tsx').then((module) => module.MenuPopup), { ssr: false });

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
