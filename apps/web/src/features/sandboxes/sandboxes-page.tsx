'use client';
import { useQuery } from '@tanstack/react-query';
import type { SandboxView } from '@tenon/contract';
import { SANDBOX_STATES } from '@tenon/vocabulary';
import { Hourglass, Plus } from 'lucide-react';
import Link from 'next/link';
import { parseAsArrayOf, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { useTRPC, useTRPCClient } from '../../api/client.ts';
import { usePaged } from '../../api/paged.ts';
import { problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { LinkButton } from '../../ui/button.tsx';
import { type Column, DataTable, TwoLines } from '../../ui/data-table.tsx';
import { FilterField, Picker } from '../../ui/field.tsx';
import { formatAge } from '../../ui/format.ts';
import { useHeldRows } from '../../ui/held-rows.ts';
import { ListFrame } from '../../ui/list-frame.tsx';
import { ActionMenu } from '../../ui/menu.tsx';
import { Empty } from '../../ui/panel.tsx';
import { runLook, State, sandboxLook } from '../../ui/state.tsx';
import { Age } from '../../ui/time.tsx';
import { runHref } from '../runs/index.ts';
import { useSandboxActions } from './sandbox-actions.tsx';

const sandboxFilters = {
  state: parseAsArrayOf(parseAsStringLiteral(SANDBOX_STATES)).withDefault([]),
  driver: parseAsString,
  workspace: parseAsString,
  extension: parseAsString,
  name: parseAsString,
};

const any = { value: '', label: 'All' };
const stateChoices = [{ value: '', label: 'All but deleted' }, ...SANDBOX_STATES.map((state) => ({ value: state, label: sandboxLook[state].word }))];
const keyOf = (sandbox: SandboxView) => sandbox.id;
const hrefOf = (sandbox: SandboxView) => `/sandboxes/${encodeURIComponent(sandbox.id)}`;

export function SandboxesPage() {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const [filters, set] = useQueryStates(sandboxFilters);
  const drivers = useQuery(trpc.drivers.list.queryOptions({ limit: 200 }));
  const { actionsOf, dialog } = useSandboxActions();
  const query = {
    ...(filters.state.length > 0 ? { state: filters.state } : {}),
    ...(filters.driver ? { driver: filters.driver } : {}),
    ...(filters.workspace ? { workspace: filters.workspace } : {}),
    ...(filters.extension ? { extension: filters.extension } : {}),
    ...(filters.name ? { name: filters.name } : {}),
  };
  const list = usePaged<SandboxView>({
    key: trpc.sandboxes.list.infiniteQueryKey(query),
    read: (page, signal) => client.sandboxes.list.query({ ...query, ...page, limit: 100 }, { signal }),
  });
  const held = useHeldRows(list.rows, keyOf);
  const columns: readonly Column<SandboxView>[] = [
    {
      id: 'name',
      head: 'Sandbox',
      width: 'minmax(9rem,1.4fr)',
      cell: (sandbox) => (
        <TwoLines
          first={
            <Link tabIndex={-1} href={hrefOf(sandbox)} className="font-medium hover:underline">
              {sandbox.name}
            </Link>
          }
          second={sandbox.workspace}
        />
      ),
    },
    {
      id: 'state',
      head: 'State',
      width: 'minmax(9rem,1.4fr)',
      cell: (sandbox) =>
        sandbox.blockedBy ? (
          <TwoLines
            first={<State look={sandboxLook[sandbox.state]} />}
            second={
              <span className="inline-flex items-center gap-1 text-owed">
                <Hourglass aria-hidden size={12} /> {sandbox.blockedBy.extension} for {formatAge(sandbox.blockedBy.sinceMs)}
              </span>
            }
          />
        ) : (
          <TwoLines
            title={sandbox.stateReason?.message ?? ''}
            first={<State look={sandboxLook[sandbox.state]} />}
            second={
              sandbox.stateReason
                ? `${sandbox.stateReason.code}${sandbox.stateReason.exitCode === null ? '' : `, exit code ${sandbox.stateReason.exitCode}`}`
                : ''
            }
          />
        ),
    },
    { id: 'driver', head: 'Driver', width: '8rem', hide: 'narrow', cell: (sandbox) => <span className="block truncate">{sandbox.driver.name}</span> },
    {
      id: 'run',
      head: 'Last run',
      width: '12rem',
      hide: 'narrow',
      cell: (sandbox) =>
        sandbox.lastRun ? (
          <Link tabIndex={-1} href={runHref(sandbox.lastRun.id)} className="hover:underline">
            <State look={runLook[sandbox.lastRun.status]}>
              {sandbox.lastRun.operation}, {runLook[sandbox.lastRun.status].word.toLowerCase()}
            </State>
          </Link>
        ) : (
          <span className="text-ink3">none</span>
        ),
    },
    {
      id: 'owed',
      head: 'Owed',
      width: '4.5rem',
      align: 'right',
      hide: 'narrow',
      cell: (sandbox) => <span className={sandbox.owed > 0 ? 'font-medium text-owed' : 'text-ink3'}>{sandbox.owed}</span>,
    },
    { id: 'age', head: 'Age', width: '6.5rem', align: 'right', hide: 'narrow', cell: (sandbox) => <Age at={sandbox.createdAt} /> },
    {
      id: 'actions',
      head: <span className="sr-only">Actions</span>,
      width: '3.5rem',
      align: 'right',
      cell: (sandbox) => <ActionMenu label={`Actions for ${sandbox.name}`} actions={actionsOf(sandbox)} />,
    },
  ];
  return (
    <Page title="Sandboxes" crumbs={[{ label: 'Sandboxes' }]} fit>
      <div className="grid gap-3 px-3 pt-4 pb-3 md:px-6 md:pt-5">
        <PageHead
          title="Sandboxes"
          lede="Each keeps the activation record that was frozen when it was created."
          actions={
            <LinkButton href="/sandboxes/new" look="primary" icon={Plus}>
              Create sandbox
            </LinkButton>
          }
        />
        <div className="flex flex-wrap items-center gap-2">
          <FilterField label="Name" className="w-44" value={filters.name ?? ''} onChange={(event) => void set({ name: event.target.value || null })} />
          <Picker
            label="State"
            choices={stateChoices}
            value={filters.state.join(',')}
            onChange={(event) => void set({ state: sandboxFilters.state.parse(event.target.value) ?? [] })}
          />
          <Picker
            label="Driver"
            choices={[any, ...(drivers.data?.items ?? []).map(({ name }) => ({ value: name, label: name }))]}
            value={filters.driver ?? ''}
            onChange={(event) => void set({ driver: event.target.value || null })}
          />
          <FilterField
            label="Workspace"
            className="w-36"
            value={filters.workspace ?? ''}
            onChange={(event) => void set({ workspace: event.target.value || null })}
          />
          <FilterField
            label="Extension"
            className="w-36"
            value={filters.extension ?? ''}
            onChange={(event) => void set({ extension: event.target.value || null })}
          />
        </div>
      </div>
      <section aria-label="Sandboxes" className="flex min-h-0 flex-1 flex-col border-t border-hairline" {...held.holder}>
        <ListFrame
          loading={list.loading}
          problem={list.error ? problemOf(list.error) : null}
          onRetry={() => void list.refetch()}
          stale={list.stale}
          waiting={held.waiting}
          onShowWaiting={held.release}
        >
          <DataTable
            label="Sandboxes"
            columns={columns}
            rows={held.rows}
            rowKey={keyOf}
            href={hrefOf}
            lines={2}
            onEnd={list.onEnd}
            more={list.more}
            className="flex-1 max-md:max-h-[75dvh]"
            empty={
              <Empty action={Object.keys(query).length === 0 ? <LinkButton href="/sandboxes/new">Create one</LinkButton> : null}>
                {Object.keys(query).length === 0 ? 'There is no sandbox yet.' : 'No sandbox matches the filter.'}
              </Empty>
            }
          />
        </ListFrame>
      </section>
      {dialog}
    </Page>
  );
}
