'use client';
import { useQuery } from '@tanstack/react-query';
import type { ActivationRecordView, SandboxView } from '@tenon/contract';
import { useMemo } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Empty, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { type PlanContext, PlanViews } from '../plans/index.ts';

/** The plan of a sandbox, with what the run that made it refused or shadowed. */
export function PlanTab({ sandbox, record }: { readonly sandbox: SandboxView; readonly record: ActivationRecordView | undefined }) {
  const trpc = useTRPC();
  const plan = useQuery(trpc.sandboxes.plan.queryOptions({ id: sandbox.id }));
  const driver = useQuery(trpc.drivers.get.queryOptions({ name: sandbox.driver.name }));
  const creates = useQuery(trpc.runs.list.queryOptions({ sandboxId: sandbox.id, operation: ['create'], limit: 1 }));
  const runId = creates.data?.items[0]?.id ?? null;
  const run = useQuery({ ...trpc.runs.get.queryOptions({ id: runId ?? '' }), enabled: runId !== null });
  const context = useMemo<PlanContext | null>(() => {
    if (!plan.data) return null;
    const order = new Map(record?.extensions.map(({ name }, index) => [name, index + 1]));
    return {
      plan: plan.data,
      points: driver.data?.points ?? [],
      reserved: driver.data?.reserved ?? [],
      sandboxId: sandbox.id,
      attempts: run.data?.attempts ?? [],
      runId,
      placeOf: (extension) => order.get(extension),
    };
  }, [plan.data, driver.data, run.data, record, runId, sandbox.id]);
  const problem = plan.error ? problemOf(plan.error) : null;
  if (problem?.code === 'not_found') return <Empty>The create failed before the driver planned, so there is no plan.</Empty>;
  return (
    <>
      {problem ? <ProblemNote className="m-3 md:mx-6" problem={problem} onRetry={() => void plan.refetch()} /> : null}
      {context ? <PlanViews context={context} /> : problem ? null : <Skeleton rows={10} />}
    </>
  );
}
