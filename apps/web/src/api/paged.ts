'use client';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useMemo } from 'react';

/** One page of any list of the API. */
export interface Paged<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

interface PagedOptions<T> {
  /** The procedure's infinite key, so that events that make its path outdated reach it. */
  readonly key: readonly unknown[];
  readonly read: (page: { readonly cursor?: string }, signal: AbortSignal) => Promise<Paged<T>>;
  readonly enabled?: boolean;
}

/**
 * One list of the API as rows: pages are fetched as the end comes near. tRPC's own infinite options are not used:
 * they add a field to the input (`direction`) that a strict API refuses.
 */
export function usePaged<T>({ key, read, enabled = true }: PagedOptions<T>) {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => read(pageParam === null ? {} : { cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    enabled,
  });
  const { data, fetchNextPage, hasNextPage, isFetchingNextPage } = query;
  const rows = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  const onEnd = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, isFetchingNextPage]);
  return {
    rows,
    onEnd,
    more: hasNextPage,
    fetchingMore: isFetchingNextPage,
    loading: query.isPending,
    error: query.error,
    refetch: query.refetch,
    stale: query.isError && data !== undefined,
  };
}
