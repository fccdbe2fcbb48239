'use client';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTRPC } from '../api/client.ts';

const DAY_MS = 86_400_000;

/** A count that may stand for "at least": lists are paged and never counted as a whole. */
export interface RoughCount {
  readonly count: number;
  readonly more: boolean;
}

export const showCount = ({ count, more }: RoughCount): string => (more ? `${count}+` : String(count));

/** The start of the last 24 h, fixed while the page stands so that its queries keep one key. */
export function useDayAgo(): string {
  const [from] = useState(() => new Date(Math.floor((Date.now() - DAY_MS) / 60_000) * 60_000).toISOString());
  return from;
}

/** Runs that failed in the last day, and effects owed now. */
export function useTroubleCounts(): { readonly failures: RoughCount | null; readonly owed: RoughCount | null } {
  const trpc = useTRPC();
  const from = useDayAgo();
  const failures = useQuery(trpc.runs.list.queryOptions({ status: ['failed', 'failed_with_debt'], from, limit: 200 }));
  const owed = useQuery(trpc.effects.list.queryOptions({ state: ['owed'], limit: 200 }));
  const rough = (page: { readonly items: readonly unknown[]; readonly next: string | null } | undefined): RoughCount | null =>
    page ? { count: page.items.length, more: page.next !== null } : null;
  return { failures: rough(failures.data), owed: rough(owed.data) };
}
