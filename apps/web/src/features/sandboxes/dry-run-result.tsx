'use client';
import { useQuery } from '@tanstack/react-query';
import type { DryRunView } from '@tenon/contract';
import { TriangleAlert } from 'lucide-react';
import { useMemo } from 'react';
import { useTRPC } from '../../api/client.ts';
import { TextLink } from '../../ui/button.tsx';
import { ErrorCode } from '../../ui/code.tsx';
import { Chip, runLook } from '../../ui/state.tsx';
import { type PlanContext, PlanViews } from '../plans/index.ts';
import { runHref } from '../runs/index.ts';

/** The plan that a create would get now, by author; nothing of it exists. */
export function DryRunResult({ result, outdated }: { readonly result: DryRunView; readonly outdated: boolean }) {
  const trpc = useTRPC();
  const { plan, run } = result;
  const driver = useQuery(trpc.drivers.get.queryOptions({ name: run.driver }));
  const context = useMemo<PlanContext | null>(() => {
    if (plan === null) return null;
    const order = [...new Set(run.attempts.flatMap(({ extension }) => (extension === null ? [] : [extension])))];
    const placeOf = (extension: string) => {
      const at = order.indexOf(extension);
      return at < 0 ? undefined : at + 1;
    };
    return { plan, points: driver.data?.points ?? [], reserved: driver.data?.reserved ?? [], sandboxId: null, attempts: run.attempts, runId: run.id, placeOf };
  }, [plan, run, driver.data]);
  const skipped = run.attempts.filter((attempt) => attempt.outcome === 'skipped' && attempt.reason !== null);
  return (
    <section aria-label="Dry run" className="mt-6 overflow-hidden rounded-lg border border-hairline">
      <header className="flex flex-wrap items-center gap-2 border-b border-hairline px-3 py-2 md:px-6">
        <h2 className="text-lg font-semibold">Dry run of {run.sandboxName}</h2>
        <Chip look={runLook[run.status]}>{run.status === 'succeeded' ? 'Would be created' : 'Would fail'}</Chip>
        <TextLink href={runHref(run.id)}>Open its trace</TextLink>
        {outdated ? (
          <span role="status" className="inline-flex items-center gap-1 text-owed">
            <TriangleAlert aria-hidden size={14} strokeWidth={1.75} /> The form has changed since; dry run it again.
          </span>
        ) : null}
      </header>
      {run.firstError ? (
        <p className="border-b border-hairline bg-bad-soft px-3 py-2 md:px-6">
          <ErrorCode>{run.firstError.code}</ErrorCode> {run.firstError.extension ? <b className="font-semibold">{run.firstError.extension}</b> : null}{' '}
          {run.firstError.message} <span className="text-ink2">{run.firstError.hint}</span>
        </p>
      ) : null}
      {skipped.length > 0 ? (
        <ul className="border-b border-hairline px-3 py-2 text-sm text-ink2 md:px-6">
          {skipped.map((attempt) => (
            <li key={attempt.id}>
              {attempt.extension} skipped in <code>{attempt.phase}</code>: {attempt.reason}
            </li>
          ))}
        </ul>
      ) : null}
      {context ? (
        <PlanViews context={context} />
      ) : (
        <p className="px-3 py-3 text-ink2 md:px-6">The run failed before the driver planned, so there is no plan.</p>
      )}
    </section>
  );
}
