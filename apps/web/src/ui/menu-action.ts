import type { LucideIcon } from 'lucide-react';

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
