import { Boxes, FileText, LayoutDashboard, ListTree, type LucideIcon, Puzzle, ReceiptText, Server, Settings2, ToggleRight, TriangleAlert } from 'lucide-react';

export interface Place {
  readonly href: string;
  readonly label: string;
  readonly icon: LucideIcon;
  readonly counts?: 'failures' | 'owed';
}

/** The navigation, in its three groups. The palette and the key map read the same list. */
export const PLACES: readonly { readonly group: string; readonly places: readonly Place[] }[] = [
  {
    group: 'Watch',
    places: [
      { href: '/', label: 'Overview', icon: LayoutDashboard },
      { href: '/failures', label: 'Failures', icon: TriangleAlert, counts: 'failures' },
      { href: '/runs', label: 'Runs', icon: ListTree },
      { href: '/sandboxes', label: 'Sandboxes', icon: Boxes },
      { href: '/effects', label: 'Owed effects', icon: ReceiptText, counts: 'owed' },
    ],
  },
  {
    group: 'Change',
    places: [
      { href: '/extensions', label: 'Extensions', icon: Puzzle },
      { href: '/activations', label: 'Activations', icon: ToggleRight },
      { href: '/drivers', label: 'Drivers', icon: Server },
    ],
  },
  {
    group: 'Govern',
    places: [
      { href: '/audit', label: 'Audit', icon: FileText },
      { href: '/settings', label: 'Settings', icon: Settings2 },
    ],
  },
];

/** Whether an address lies in a place of the navigation. */
export function isIn(path: string, href: string): boolean {
  return href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`);
}
