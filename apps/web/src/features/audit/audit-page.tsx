'use client';
import type { AuditView } from '@tenon/contract';
import { Ban, Check } from 'lucide-react';
import Link from 'next/link';
import { parseAsString, useQueryStates } from 'nuqs';
import { useState } from 'react';
import { useTRPC, useTRPCClient } from '../../api/client.ts';
import { usePaged } from '../../api/paged.ts';
import { problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { Button } from '../../ui/button.tsx';
import { type Column, DataTable, TwoLines } from '../../ui/data-table.tsx';
import { Sheet } from '../../ui/dialog.tsx';
import { FilterField } from '../../ui/field.tsx';
import { useHeldRows } from '../../ui/held-rows.ts';
import { ListFrame } from '../../ui/list-frame.tsx';
import { Empty, KeyValues } from '../../ui/panel.tsx';
import { State } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';

const keyOf = (entry: AuditView) => entry.id;
const outcome = { done: { tone: 'ok', icon: Check, word: 'done' }, refused: { tone: 'bad', icon: Ban, word: 'refused' } } as const;

/** Who did what to what and why, with the values before and after and the runs that it caused. */
export function AuditPage() {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const [filters, set] = useQueryStates({ actor: parseAsString, action: parseAsString, objectKind: parseAsString, objectName: parseAsString });
  const [shown, setShown] = useState<AuditView | null>(null);
  const query = Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== null && value !== ''));
  const list = usePaged<AuditView>({
    key: trpc.audit.list.infiniteQueryKey(query),
    read: (page, signal) => client.audit.list.query({ ...query, ...page, limit: 100 }, { signal }),
  });
  const held = useHeldRows(list.rows, keyOf);
  const columns: readonly Column<AuditView>[] = [
    { id: 'at', head: 'When', width: '9rem', cell: (entry) => <Time at={entry.at} className="block truncate" /> },
    { id: 'actor', head: 'Who', width: '9rem', hide: 'narrow', cell: (entry) => <span className="block truncate">{entry.actor}</span> },
    {
      id: 'what',
      head: 'What',
      width: 'minmax(10rem,1fr)',
      cell: (entry) => <TwoLines first={<code>{entry.action}</code>} second={`${entry.object.kind} ${entry.object.name}`} title={entry.object.name} />,
    },
    { id: 'outcome', head: 'Outcome', width: '7rem', hide: 'narrow', cell: (entry) => <State look={outcome[entry.outcome]} /> },
    {
      id: 'reason',
      head: 'Why',
      width: 'minmax(10rem,1.6fr)',
      hide: 'narrow',
      cell: (entry) => (
        <span className="block truncate" title={entry.reason ?? ''}>
          {entry.reason ?? <span className="text-ink3">no reason given</span>}
        </span>
      ),
    },
    {
      id: 'runs',
      head: 'Runs',
      width: '6rem',
      hide: 'narrow',
      cell: (entry) =>
        entry.runIds[0] ? (
          <Link tabIndex={-1} href={`/runs/${encodeURIComponent(entry.runIds[0])}`} className="hover:underline">
            {entry.runIds.length === 1 ? '1 run' : `${entry.runIds.length} runs`}
          </Link>
        ) : (
          <span className="text-ink3">none</span>
        ),
    },
    {
      id: 'more',
      head: <span className="sr-only">Details</span>,
      width: '6rem',
      align: 'right',
      cell: (entry) => (
        <Button size="sm" aria-label={`Details of ${entry.action} ${entry.object.name}`} onClick={() => setShown(entry)}>
          Details
        </Button>
      ),
    },
  ];
  return (
    <Page title="Audit" crumbs={[{ label: 'Audit' }]} fit>
      <div className="px-3 pt-4 pb-3 md:px-6 md:pt-5">
        <PageHead
          title="Audit"
          lede="Every change and every refusal, newest first."
          actions={
            <>
              <FilterField label="Actor" className="w-32" value={filters.actor ?? ''} onChange={(event) => void set({ actor: event.target.value || null })} />
              <FilterField
                label="Action"
                className="w-40"
                value={filters.action ?? ''}
                onChange={(event) => void set({ action: event.target.value || null })}
              />
              <FilterField
                label="Object"
                className="w-40"
                value={filters.objectName ?? ''}
                onChange={(event) => void set({ objectName: event.target.value || null })}
              />
            </>
          }
        />
      </div>
      <section aria-label="Audit" className="flex min-h-0 flex-1 flex-col border-t border-hairline" {...held.holder}>
        <ListFrame
          loading={list.loading}
          problem={list.error ? problemOf(list.error) : null}
          onRetry={() => void list.refetch()}
          stale={list.stale}
          waiting={held.waiting}
          onShowWaiting={held.release}
        >
          <DataTable
            label="Audit"
            columns={columns}
            rows={held.rows}
            rowKey={keyOf}
            lines={2}
            onEnd={list.onEnd}
            more={list.more}
            empty={<Empty>No entry matches.</Empty>}
            className="flex-1 max-md:max-h-[75dvh]"
          />
        </ListFrame>
      </section>
      {shown ? (
        <Sheet open onClose={() => setShown(null)} width="wide" title={`${shown.action} ${shown.object.name}`} lede={<Time at={shown.at} precise />}>
          <div className="grid gap-4 px-3 py-4 md:px-5">
            <KeyValues
              rows={[
                ['Who', shown.actor],
                ['Object', `${shown.object.kind} ${shown.object.name}`],
                ['Outcome', <State key="o" look={outcome[shown.outcome]} />],
                ['Reason', shown.reason ?? 'none given'],
                [
                  'Request',
                  <code key="r" className="select-all">
                    {shown.requestId}
                  </code>,
                ],
                shown.runIds.length > 0
                  ? [
                      'Runs',
                      shown.runIds.map((id) => (
                        <Link key={id} href={`/runs/${encodeURIComponent(id)}`} className="mr-2 underline">
                          <code>{id}</code>
                        </Link>
                      )),
                    ]
                  : null,
              ]}
            />
            <div className="grid gap-3 md:grid-cols-2">
              <Json title="Before" value={shown.before} />
              <Json title="After" value={shown.after} />
            </div>
          </div>
        </Sheet>
      ) : null}
    </Page>
  );
}

function Json({ title, value }: { readonly title: string; readonly value: unknown }) {
  return (
    <section className="min-w-0">
      <h3 className="mb-1 font-semibold">{title}</h3>
      {value === null || value === undefined ? (
        <p className="text-ink3">nothing</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        <section tabIndex={0} aria-label={`${title}, as JSON`} className="max-h-96 overflow-auto rounded-md bg-sunken p-3">
          <pre>{JSON.stringify(value, null, 2)}</pre>
        </section>
      )}
    </section>
  );
}
