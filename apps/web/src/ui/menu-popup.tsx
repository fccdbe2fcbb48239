'use client';
import { Menu as Base } from '@base-ui/react/menu';
import { Ellipsis } from 'lucide-react';
import { cx } from './cx.ts';
import { type MenuAction, menuTrigger } from './menu-action.ts';

/** The menu itself, open from the start: it is loaded when somebody asks for it first. */
export function MenuPopup({ label, actions, tabIndex }: { readonly label: string; readonly actions: readonly MenuAction[]; readonly tabIndex?: number }) {
  return (
    <Base.Root modal={false} defaultOpen>
      <Base.Trigger aria-label={label} title={label} tabIndex={tabIndex} className={menuTrigger}>
        <Ellipsis aria-hidden size={16} strokeWidth={1.5} />
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end" className="z-50">
          <Base.Popup className="min-w-44 rounded-lg border border-rule bg-raised p-1 shadow-pop outline-none">
            {actions.map(({ label: text, icon: Icon, danger, denied, onSelect }) => (
              <Base.Item
                key={text}
                disabled={Boolean(denied)}
                onClick={onSelect}
                className={cx(
                  'flex cursor-default items-start gap-2 rounded-md px-2 py-1 outline-none select-none data-[highlighted]:bg-hover',
                  danger && 'text-bad',
                  denied && 'text-ink3',
                )}
              >
                {Icon ? <Icon aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0" /> : null}
                <span>
                  {text}
                  {denied ? <span className="block max-w-64 text-sm">{denied}</span> : null}
                </span>
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
