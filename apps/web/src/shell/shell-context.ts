'use client';
import { createContext, useContext } from 'react';

export interface Shell {
  readonly navOpen: boolean;
  readonly toggleNav: () => void;
  readonly openPalette: () => void;
}

export const ShellContext = createContext<Shell>({ navOpen: false, toggleNav: () => undefined, openPalette: () => undefined });

export function useShell(): Shell {
  return useContext(ShellContext);
}
