'use client';
import { useEffect, useRef } from 'react';

export interface KeyBinding {
  /** `n`, `N` (with Shift), `?`, `ctrl+k`. */
  readonly key: string;
  readonly does: string;
  readonly run: () => void;
}

/** The key of an event in the form that bindings use. */
function keyOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'>): string | null {
  if (event.altKey) return null;
  return event.ctrlKey || event.metaKey ? `ctrl+${event.key.toLowerCase()}` : event.key;
}

/** Whether the event goes to somebody who types. */
function isTyping(target: EventTarget | null): boolean {
  if (typeof Element === 'undefined' || !(target instanceof Element)) return false;
  return target.closest('input,textarea,select,[contenteditable="true"]') !== null;
}

const shown = new Map<symbol, readonly KeyBinding[]>();

/** What the page that is open binds, for the key map. */
export function boundKeys(): readonly KeyBinding[] {
  return [...shown.values()].flat();
}

/** Binds keys while the component is shown. Never while somebody types, never under a dialog; `ctrl+` keys always. */
export function useKeys(bindings: readonly KeyBinding[]): void {
  const latest = useRef(bindings);
  useEffect(() => {
    latest.current = bindings;
  });
  useEffect(() => {
    const id = Symbol('keys');
    shown.set(id, latest.current);
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.repeat) return;
      const key = keyOf(event);
      const binding = latest.current.find((each) => each.key === key);
      if (!binding) return;
      const free = binding.key.startsWith('ctrl+');
      if (!free && (isTyping(event.target) || document.querySelector('dialog[open],[role="dialog"],[role="menu"]') !== null)) return;
      event.preventDefault();
      binding.run();
    };
    document.addEventListener('keydown', onKey);
    return () => {
      shown.delete(id);
      document.removeEventListener('keydown', onKey);
    };
  }, []);
}
