'use client';
import { useQuery } from '@tanstack/react-query';
import { Boxes, ListTree, type LucideIcon, Plus, Puzzle, Search, Server, ToggleRight } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { type KeyboardEvent, useDeferredValue, useId, useLayoutEffect, useRef, useState } from 'react';
import { useTRPC } from '../api/client.ts';
import { cx } from '../ui/cx.ts';
import { PLACES } from './places.ts';

interface Entry {
  readonly href: string;
  readonly label: string;
  readonly note: string;
  readonly icon: LucideIcon;
}

const actions: readonly Entry[] = [
  { href: '/sandboxes/new', label: 'Create a sandbox', note: 'action', icon: Plus },
  { href: '/activations?new=', label: 'New activation', note: 'action', icon: ToggleRight },
  { href: '/extensions?register=true', label: 'Register an extension', note: 'action', icon: Puzzle },
];

/**
 * Jumps to places, sandboxes, extensions and drivers. A dialog of the browser's own: it needs nothing loaded, so that what is
 * typed right after its key is never lost.
 */
export function Palette({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    if (shown && !shown.open) shown.showModal();
    return () => shown?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the palette closes it; its key is Escape, which the browser handles
    <dialog
      ref={dialog}
      aria-label="Search or jump to"
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) dialog.current?.close();
      }}
      className="fixed top-[12vh] left-1/2 m-0 w-[min(36rem,calc(100vw-1.5rem))] -translate-x-1/2 overflow-hidden rounded-xl border border-rule bg-surface p-0 text-ink shadow-dialog backdrop:bg-scrim"
    >
      <PaletteBody onClose={() => dialog.current?.close()} />
    </dialog>
  );
}

function PaletteBody({ onClose }: { readonly onClose: () => void }) {
  const router = useRouter();
  const list = useId();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const entries = useEntries(useDeferredValue(text.trim().toLowerCase()));
  const chosen = Math.min(at, Math.max(0, entries.length - 1));
  const go = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    router.push(entry.href);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setAt((chosen + (event.key === 'ArrowDown' ? 1 : entries.length - 1)) % Math.max(1, entries.length));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      go(entries[chosen]);
    }
  };
  return (
    <>
      <div className="flex h-11 items-center gap-2 border-b border-hairline px-4">
        <Search aria-hidden size={16} strokeWidth={1.5} className="shrink-0 text-ink3" />
        <input
          role="combobox"
          aria-expanded
          aria-controls={list}
          aria-activedescendant={entries.length > 0 ? `${list}-${chosen}` : undefined}
          aria-label="Search or jump to"
          placeholder="Sandbox, run, extension, driver or page"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
          className="h-full w-full bg-transparent outline-none"
        />
      </div>
      <div id={list} role="listbox" aria-label="Places" className="max-h-80 overflow-y-auto p-1">
        {entries.length === 0 ? <p className="px-3 py-2 text-ink3">Nothing has this name.</p> : null}
        {entries.map((entry, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys of the options are handled by the combobox that owns them
          // biome-ignore lint/a11y/useFocusableInteractive: focus stays in the combobox, as its pattern wants
          <div
            key={`${entry.href} ${entry.label}`}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseMove={() => setAt(index)}
            onClick={() => go(entry)}
            className={cx('flex h-8 cursor-default items-center gap-2 rounded-md px-3', index === chosen && 'bg-accent-soft')}
          >
            <entry.icon aria-hidden size={16} strokeWidth={1.5} className="shrink-0 text-ink3" />
            <span className="truncate">{entry.label}</span>
            <span className="ml-auto text-sm whitespace-nowrap text-ink3">{entry.note}</span>
          </div>
        ))}
      </div>
    </>
  );
}

function useEntries(text: string): readonly Entry[] {
  const trpc = useTRPC();
  const sandboxes = useQuery(trpc.sandboxes.list.queryOptions({ limit: 200 }));
  const extensions = useQuery(trpc.extensions.list.queryOptions({ limit: 200 }));
  const drivers = useQuery(trpc.drivers.list.queryOptions({ limit: 200 }));
  const places = PLACES.flatMap(({ places: some }) => some.map(({ href, label, icon }): Entry => ({ href, label, icon, note: 'page' })));
  const all: readonly Entry[] = [
    ...places,
    ...actions,
    ...(extensions.data?.items ?? []).map(
      ({ name }): Entry => ({ href: `/extensions/${encodeURIComponent(name)}`, label: name, note: 'extension', icon: Puzzle }),
    ),
    ...(drivers.data?.items ?? []).map(({ name }): Entry => ({ href: `/drivers/${encodeURIComponent(name)}`, label: name, note: 'driver', icon: Server })),
    ...(sandboxes.data?.items ?? []).map(
      ({ id, name, workspace }): Entry => ({ href: `/sandboxes/${encodeURIComponent(id)}`, label: name, note: `sandbox in ${workspace}`, icon: Boxes }),
    ),
  ];
  const found = all.filter(({ label, href }) => label.toLowerCase().includes(text) || href.toLowerCase().includes(text));
  // A whole id names a run or a sandbox, whether a list shows it or not.
  const byId: readonly Entry[] = /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text)
    ? [
        { href: `/runs/${text}`, label: text, note: 'run by id', icon: ListTree },
        { href: `/sandboxes/${text}`, label: text, note: 'sandbox by id', icon: Boxes },
      ]
    : [];
  return [...byId, ...found].slice(0, 50);
}
