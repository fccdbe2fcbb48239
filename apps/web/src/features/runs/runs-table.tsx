'use client';
import type { RunSummaryView } from '@tenon/contract';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { type ApiInputs, useTRPC, useTRPCClient } from '../../api/client.ts';
import { usePaged } from '../../api/paged.ts';
import { problemOf } from '../../api/problem.ts';
import { ErrorCode } from '../../ui/code.tsx';
import { type Column, DataTable, TwoLines } from '../../ui/data-table.tsx';
import { formatDuration } from '../../ui/format.ts';
import { useHeldRows } from '../../ui/held-rows.ts';
import { ListFrame } from '../../ui/list-frame.tsx';
import { runLook, State } from '../../ui/state.tsx';
import { Age, Time } from '../../ui/time.tsx';
import { runHref, runTitle, waitingText } from './words.ts';

/** The filters of the list, as the API takes them. */
export type RunQuery = Omit<ApiInputs['runs']['list'], 'limit' | 'cursor'>;

const hrefOf = (run: RunSummaryView) => runHref(run.id, run.firstError?.attemptId);
const keyOf = (run: RunSummaryView) => run.id;

const columns: readonly Column<RunSummaryView>[] = [
  {
    id: 'run',
    head: 'Run',
    width: 'minmax(11rem,1.2fr)',
    cell: (run) => (
      <TwoLines
        first={
          <Link href={hrefOf(run)} tabIndex={-1} className="font-medium hover:underline">
            {runTitle(run)}
          </Link>
        }
        second={
          <>
            {run.workspace} · {run.driver}
          </>
        }
      />
    ),
  },
  {
    id: 'status',
    head: 'Status',
    width: '9.5rem',
    cell: (run) => <State look={runLook[run.status]}>{run.status === 'failed_with_debt' ? 'Failed, owed' : (waitingText(run) ?? undefined)}</State>,
  },
  {
    id: 'error',
    head: 'First error',
    width: 'minmax(14rem,2fr)',
    hide: 'narrow',
    cell: (run) =>
      run.firstError ? (
        <TwoLines
          title={run.firstError.message}
          first={run.firstError.message}
          second={
            <>
              <ErrorCode tone="plain">{run.firstError.code}</ErrorCode> {[run.firstError.extension, run.firstError.phase].filter(Boolean).join(' · ')}
            </>
          }
        />
      ) : (
        <span className="text-ink3">none</span>
      ),
  },
  { id: 'attempts', head: 'Attempts', width: '5rem', align: 'right', hide: 'medium', cell: (run) => run.attemptCount },
  { id: 'actor', head: 'By', width: '8rem', hide: 'medium', cell: (run) => <span className="block truncate">{run.actor}</span> },
  {
    id: 'took',
    head: 'Took',
    width: '6.5rem',
    align: 'right',
    hide: 'narrow',
    cell: (run) =>
      run.endedAt === null ? (
        <span className="text-owed">
          for <Age at={run.startedAt} />
        </span>
      ) : (
        formatDuration(Date.parse(run.endedAt) - Date.parse(run.startedAt))
      ),
  },
  { id: 'started', head: 'Started', width: '8.5rem', align: 'right', hide: 'narrow', cell: (run) => <Time at={run.startedAt} className="whitespace-nowrap" /> },
];

/** Within a panel there is room for less. */
const fewer = columns
  .filter(({ id }) => id !== 'attempts' && id !== 'actor')
  // Fractions near each other: an unequal pair asks for more than the panel has before anything is clipped.
  .map((column) => ({ ...column, width: { run: 'minmax(11rem,1fr)', error: 'minmax(9rem,1.2fr)' }[column.id] ?? column.width }));

/** Runs, newest first; the rows do not move while they are read. */
export function RunsTable({
  query,
  label,
  empty,
  bounded = false,
}: {
  readonly query: RunQuery;
  readonly label: string;
  readonly empty: ReactNode;
  readonly bounded?: boolean;
}) {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const list = usePaged<RunSummaryView>({
    key: trpc.runs.list.infiniteQueryKey(query),
    read: (page, signal) => client.runs.list.query({ ...query, ...page, limit: 100 }, { signal }),
  });
  const held = useHeldRows(list.rows, keyOf);
  return (
    <div className="flex min-h-0 flex-1 flex-col" {...held.holder}>
      <ListFrame
        loading={list.loading}
        problem={list.error ? problemOf(list.error) : null}
        onRetry={() => void list.refetch()}
        stale={list.stale}
        waiting={held.waiting}
        onShowWaiting={held.release}
      >
        <DataTable
          label={label}
          columns={bounded ? fewer : columns}
          rows={held.rows}
          rowKey={keyOf}
          href={hrefOf}
          lines={2}
          onEnd={list.onEnd}
          more={list.more}
          empty={empty}
          className={bounded ? 'max-h-120' : 'flex-1 max-md:max-h-[75dvh]'}
        />
      </ListFrame>
    </div>
  );
}
