'use client';
import { useQuery } from '@tanstack/react-query';
import type { AttemptView, EffectView, RunView } from '@tenon/contract';
import { useEffect, useMemo } from 'react';
import { useTRPC, useTRPCClient } from '../../api/client.ts';
import { usePaged } from '../../api/paged.ts';

/** One run with all of its attempts: the first 200 come with it, the rest page by page. */
export function useRun(id: string) {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const run = useQuery(trpc.runs.get.queryOptions({ id }));
  const beyond = run.data !== undefined && run.data.attemptCount > run.data.attempts.length;
  const pages = usePaged<AttemptView>({
    key: trpc.runs.attempts.infiniteQueryKey({ id }),
    read: (page, signal) => client.runs.attempts.query({ id, ...page, limit: 200 }, { signal }),
    enabled: beyond,
  });
  const { rows, more, onEnd, fetchingMore } = pages;
  useEffect(() => {
    if (beyond && more && !fetchingMore) onEnd();
  }, [beyond, more, fetchingMore, onEnd]);
  const attempts = useMemo(() => mergeAttempts(run.data, beyond ? rows : []), [run.data, beyond, rows]);
  // A stop or delete settles effects that earlier runs made: the run itself lists only its own.
  const known = useMemo(() => new Set(run.data?.effects.map((effect) => effect.id)), [run.data]);
  const foreign = attempts.some((attempt) => attempt.effects.some((effect) => !known.has(effect)));
  const ledger = useQuery({
    ...trpc.effects.list.queryOptions({ sandboxId: run.data?.sandboxId ?? '', limit: 200 }),
    enabled: foreign && typeof run.data?.sandboxId === 'string',
  });
  const whole = useMemo(() => withEffects(run.data, attempts, ledger.data?.items ?? []), [run.data, attempts, ledger.data]);
  return { run: whole, attempts, loaded: !beyond || (!pages.loading && !more), error: run.error ?? pages.error, refetch: run.refetch };
}

/** The run with the effects that its attempts made or settled, whichever run they are of. */
function withEffects(run: RunView | undefined, attempts: readonly AttemptView[], ledger: readonly EffectView[]): RunView | undefined {
  if (!run || ledger.length === 0) return run;
  const own = new Set(run.effects.map((effect) => effect.id));
  const named = new Set(attempts.flatMap((attempt) => attempt.effects));
  return { ...run, effects: [...run.effects, ...ledger.filter((effect) => named.has(effect.id) && !own.has(effect.id))] };
}

/** The inline attempts carry their changes: they win over the same ones of a page. */
function mergeAttempts(run: RunView | undefined, rest: readonly AttemptView[]): readonly AttemptView[] {
  if (!run) return [];
  if (rest.length === 0) return run.attempts;
  const inline = new Set(run.attempts.map((attempt) => attempt.id));
  return [...run.attempts, ...rest.filter((attempt) => !inline.has(attempt.id))];
}

/** The place of every extension in the sandbox's setup order: the same number on every screen. */
export function usePlaces(sandboxId: string | null | undefined, attempts: readonly AttemptView[]): (extension: string) => number | undefined {
  const trpc = useTRPC();
  const record = useQuery({
    ...trpc.sandboxes.record.queryOptions({ id: sandboxId ?? '' }),
    enabled: typeof sandboxId === 'string',
    staleTime: Number.POSITIVE_INFINITY,
  });
  return useMemo(() => {
    const names = record.data
      ? record.data.extensions.map(({ name }) => name)
      : [...new Set(attempts.flatMap(({ extension, kind }) => (extension !== null && kind === 'hook' ? [extension] : [])))];
    const places = new Map(names.map((name, index) => [name, index + 1]));
    return (extension: string) => places.get(extension);
  }, [record.data, attempts]);
}
