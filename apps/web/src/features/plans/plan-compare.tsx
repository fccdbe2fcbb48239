'use client';
import { useQuery } from '@tanstack/react-query';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Picker } from '../../ui/field.tsx';
import { plural } from '../../ui/format.ts';
import { Empty, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { Changes } from './change/change.tsx';
import type { PlanContext } from './plan-context.ts';

interface RangeProps {
  readonly context: PlanContext;
  readonly from: number;
  readonly to: number;
  readonly onChange: (range: { readonly from: number; readonly to: number }) => void;
}

/** Which two revisions are compared. */
export function RevisionRange({ context, from, to, onChange }: RangeProps) {
  const choices = context.plan.revisions.map(({ number, by }) => ({ value: String(number), label: number === 0 ? 'r0, requested' : `r${number}, ${by.name}` }));
  return (
    <>
      <Picker label="From" choices={choices} value={String(from)} onChange={(event) => onChange({ from: Number(event.target.value), to })} />
      <Picker label="To" choices={choices} value={String(to)} onChange={(event) => onChange({ from, to: Number(event.target.value) })} />
    </>
  );
}

/** What differs between two revisions, as the API compares them. */
export function PlanCompare({
  context,
  sandboxId,
  from,
  to,
}: {
  readonly context: PlanContext;
  readonly sandboxId: string;
  readonly from: number;
  readonly to: number;
}) {
  const trpc = useTRPC();
  const compared = useQuery(trpc.sandboxes.compare.queryOptions({ id: sandboxId, from, to }));
  if (compared.error) return <ProblemNote className="m-3" problem={problemOf(compared.error)} onRetry={() => void compared.refetch()} />;
  if (!compared.data) return <Skeleton rows={4} />;
  const { changes } = compared.data;
  return (
    <section aria-label="Changes between revisions" className="px-3 py-3 md:px-6">
      <h2 className="mb-1 font-semibold">
        {plural(changes.length, 'change')} from r{from} to r{to}
      </h2>
      {changes.length === 0 ? <Empty>The two revisions are the same plan.</Empty> : <Changes changes={changes} points={context.points} limit={5000} />}
    </section>
  );
}
