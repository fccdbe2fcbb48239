'use client';
import dynamic from 'next/dynamic';
import { type ReactNode, useMemo, useState } from 'react';
import { SessionGate } from '../features/session/index.ts';
import { Mark } from '../ui/mark.tsx';
import { useKeys } from './keys.ts';
import { Nav } from './nav.tsx';
import { Palette } from './palette.tsx';
import { ShellContext } from './shell-context.ts';

// Loaded when somebody presses its key.
const KeyMap = dynamic(() => import('./key-map.tsx').then((module) => module.KeyMap), { ssr: false });

/** The frame at once, before it is known who asks. */
function Frame() {
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[var(--spacing-rail)_minmax(0,1fr)] lg:grid-cols-[var(--spacing-nav)_minmax(0,1fr)]" aria-busy="true">
      <title>Tenon</title>
      <div className="flex h-topbar items-start border-hairline bg-canvas px-4 pt-3 max-md:hidden md:h-dvh md:border-r">
        <Mark />
      </div>
      <div className="h-topbar border-b border-hairline" />
    </div>
  );
}

/** Navigation, page, palette and key map, for whoever is signed in. */
export function Shell({ children }: { readonly children: ReactNode }) {
  return (
    <SessionGate frame={<Frame />}>
      <Inner>{children}</Inner>
    </SessionGate>
  );
}

function Inner({ children }: { readonly children: ReactNode }) {
  const [navOpen, setNavOpen] = useState(false);
  const [keysOpen, setKeysOpen] = useState(false);
  const [paletteOpen, setPaletteOpen] = useState(false);
  useKeys([
    { key: '?', does: 'Show these keys', run: () => setKeysOpen(true) },
    { key: 'ctrl+k', does: 'Search or jump to', run: () => setPaletteOpen(true) },
    { key: '/', does: 'Filter the list', run: () => document.querySelector<HTMLInputElement>('[data-filter]')?.focus() },
  ]);
  const shell = useMemo(() => ({ navOpen, toggleNav: () => setNavOpen((open) => !open), openPalette: () => setPaletteOpen(true) }), [navOpen]);
  return (
    <ShellContext.Provider value={shell}>
      <a href="#content" className="fixed -top-20 left-2 z-50 rounded-md bg-accent px-3 py-1 text-on-accent focus:top-2">
        Skip to content
      </a>
      <div className="min-h-dvh md:grid md:grid-cols-[var(--spacing-rail)_minmax(0,1fr)] lg:grid-cols-[var(--spacing-nav)_minmax(0,1fr)]">
        <Nav open={navOpen} onNavigate={() => setNavOpen(false)} />
        {children}
      </div>
      {keysOpen ? <KeyMap open onClose={() => setKeysOpen(false)} /> : null}
      {paletteOpen ? <Palette onClose={() => setPaletteOpen(false)} /> : null}
    </ShellContext.Provider>
  );
}
