'use client';
import { Kbd } from '../ui/code.tsx';
import { Sheet } from '../ui/dialog.tsx';
import { boundKeys } from './keys.ts';

const everywhere: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'Search or jump to'],
  ['?', 'Show these keys'],
  ['/', 'Filter the list'],
  ['Escape', 'Close what is open'],
  ['↑ ↓', 'Move in lists, trees and traces'],
  ['→ ←', 'Unfold and fold in trees and traces'],
  ['Enter', 'Open the row'],
];

const keyName = (key: string) => (/^[A-Z]$/.test(key) ? `Shift ${key}` : key.length === 1 ? key.toUpperCase() : key);

export function KeyMap({ open, onClose }: { readonly open: boolean; readonly onClose: () => void }) {
  const here = open ? boundKeys().filter(({ key }) => !key.startsWith('ctrl+') && key !== '?' && key !== '/') : [];
  return (
    <Sheet open={open} onClose={onClose} title="Keys">
      <div className="grid gap-4 px-5 py-4">
        {here.length > 0 ? <Keys title="On this page" rows={here.map(({ key, does }) => [keyName(key), does] as const)} /> : null}
        <Keys title="Everywhere" rows={everywhere} />
      </div>
    </Sheet>
  );
}

function Keys({ title, rows }: { readonly title: string; readonly rows: readonly (readonly [string, string])[] }) {
  return (
    <section>
      <h3 className="font-semibold">{title}</h3>
      <dl className="mt-1 grid gap-1">
        {rows.map(([key, does]) => (
          <div key={key} className="flex items-center justify-between gap-4">
            <dt className="order-2">
              <Kbd>{key}</Kbd>
            </dt>
            <dd className="text-ink2">{does}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
