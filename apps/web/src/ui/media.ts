'use client';
import { useSyncExternalStore } from 'react';

/** Whether a media query holds; false while rendering on the server. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const media = matchMedia(query);
      media.addEventListener('change', listener);
      return () => media.removeEventListener('change', listener);
    },
    () => matchMedia(query).matches,
    () => false,
  );
}

export const NARROW = '(max-width: 760px)';
export const MEDIUM = '(max-width: 1180px)';
