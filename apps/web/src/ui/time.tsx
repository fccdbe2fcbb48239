'use client';
import { useSyncExternalStore } from 'react';
import { formatAge, formatTime, formatUtc } from './format.ts';

// One clock for the whole page: every relative time ticks together, and none runs while the tab is hidden.
let now = 0;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    if (document.visibilityState === 'hidden') return;
    now = Date.now();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0 && timer !== undefined) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

function snapshot(): number {
  if (now === 0) now = Date.now();
  return now;
}

const still = () => () => undefined;

/**
 * The ticking time in epoch milliseconds; 0 while rendering on the server.
 * @param ticking false: nothing moves, so that what has ended is not drawn anew every second.
 */
export function useNow(ticking = true): number {
  return useSyncExternalStore(ticking ? subscribe : still, snapshot, () => 0);
}

/** Local time, UTC on hover. */
export function Time({ at, precise = false, className }: { readonly at: string; readonly precise?: boolean; readonly className?: string }) {
  return (
    <time dateTime={at} title={formatUtc(at)} className={className} suppressHydrationWarning>
      {formatTime(at, new Date(), precise)}
    </time>
  );
}

/** How long ago; ticks. */
export function Age({ at }: { readonly at: string }) {
  const current = useNow();
  return (
    <time dateTime={at} title={formatUtc(at)} suppressHydrationWarning>
      {formatAge((current === 0 ? Date.parse(at) : Math.max(current, Date.parse(at))) - Date.parse(at))}
    </time>
  );
}
