'use client';
import { type InfiniteData, useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';

interface Paged<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** What `useInfiniteQuery` needs of tRPC's options for a list; the types of a page follow from it. */
type Options<T> = Parameters<typeof useInfiniteQuery<Paged<T>, unknown, InfiniteData<Paged<T>>, readonly unknown[], string | undefined>>[0];

/** One list of the API as rows: pages are fetched as the end comes near. */
export function usePaged<T>(options: unknown) {
  // tRPC's options are typed by its own symbols; what is used of them here is exactly what TanStack Query takes.
  const query = useInfiniteQuery(options as Options<T>);
  const { data, fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  const onEnd = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);
  return { rows, onEnd, more: hasNextPage, loading: query.isPending, error: query.error, refetch: query.refetch, stale: query.isError && data !== undefined };
}

export const nextPage = { getNextPageParam: (page: { readonly next: string | null }) => page.next ?? undefined };
