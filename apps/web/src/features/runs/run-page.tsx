'use client';
import { useQuery } from '@tanstack/react-query';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Page } from '../../shell/page.tsx';
import { Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { RunTrace } from './run-trace.tsx';
import { usePlaces, useRun } from './use-run.ts';
import { runTitle } from './words.ts';

/** One run: what happened, where it broke, what was undone. */
export function RunPage({ id }: { readonly id: string }) {
  const trpc = useTRPC();
  const { run, attempts, loaded, error, refetch } = useRun(id);
  const placeOf = usePlaces(run?.sandboxId, attempts);
  const live = run !== undefined && run.endedAt === null;
  const sandbox = useQuery({
    ...trpc.sandboxes.get.queryOptions({ id: run?.sandboxId ?? '' }),
    enabled: live && run.sandboxId !== null,
    refetchInterval: live ? 5000 : false,
  });
  const title = run ? runTitle(run) : 'Run';
  const crumbs = [
    { label: 'Runs', href: '/runs' },
    ...(run?.sandboxId ? [{ label: run.sandboxName, href: `/sandboxes/${encodeURIComponent(run.sandboxId)}` }] : []),
    { label: run?.operation ?? 'run' },
  ];
  return (
    <Page title={title} crumbs={crumbs} fit final={run?.endedAt ? { word: 'ended', at: run.endedAt } : undefined}>
      {error ? <ProblemNote className="m-3 md:mx-6" problem={problemOf(error)} onRetry={() => void refetch()} /> : null}
      {run ? (
        <RunTrace run={run} attempts={attempts} loaded={loaded} placeOf={placeOf} blockedBy={live ? (sandbox.data?.blockedBy ?? null) : null} />
      ) : error ? null : (
        <Skeleton rows={12} className="pt-4" />
      )}
    </Page>
  );
}
