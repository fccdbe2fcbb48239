'use client';
import { useCallback, useMemo, useRef, useState } from 'react';

/**
 * Rows that stay where they are while somebody reads: known rows are renewed in place, new ones wait until they are asked for
 * or the reader leaves.
 */
export function holdRows<T>(
  rows: readonly T[],
  shown: readonly string[],
  keyOf: (row: T) => string,
): { readonly rows: readonly T[]; readonly waiting: number } {
  if (shown.length === 0) return { rows, waiting: 0 };
  const byKey = new Map(rows.map((row) => [keyOf(row), row]));
  const kept = shown.flatMap((key) => byKey.get(key) ?? []);
  const known = new Set(shown);
  // What follows the last known row is the next page; what comes before it is new.
  const lastKnown = rows.findLastIndex((row) => known.has(keyOf(row)));
  const later = rows.slice(lastKnown + 1);
  const waiting = rows.slice(0, lastKnown + 1).filter((row) => !known.has(keyOf(row))).length;
  return { rows: [...kept, ...later], waiting };
}

export function useHeldRows<T>(rows: readonly T[], keyOf: (row: T) => string) {
  const [reading, setReading] = useState(false);
  const [, again] = useState(0);
  const shown = useRef<readonly string[]>([]);
  const held = useMemo(() => holdRows(rows, reading ? shown.current : [], keyOf), [rows, reading, keyOf]);
  shown.current = held.rows.map(keyOf);
  const release = useCallback(() => {
    shown.current = [];
    setReading(false);
    again((count) => count + 1);
  }, []);
  const holder = useMemo(
    () => ({
      onPointerEnter: () => setReading(true),
      onPointerLeave: () => setReading(false),
      onFocus: () => setReading(true),
      onBlur: () => setReading(false),
    }),
    [],
  );
  return { rows: held.rows, waiting: held.waiting, release, holder };
}
