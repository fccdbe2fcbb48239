'use client';
import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import Link from 'next/link';
import { parseAsBoolean, parseAsString, useQueryStates } from 'nuqs';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { Button } from '../../ui/button.tsx';
import { FilterField } from '../../ui/field.tsx';
import { Empty, Panel, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { SimpleTable } from '../../ui/simple-table.tsx';
import { breakerLook, State } from '../../ui/state.tsx';
import { INSTALLATION, useDenied } from '../session/index.ts';
import { killLook } from './kill-look.ts';
import { RegisterSheet } from './register-sheet.tsx';

export function ExtensionsPage() {
  const trpc = useTRPC();
  const denied = useDenied()('admin', INSTALLATION);
  const [state, set] = useQueryStates({ q: parseAsString.withDefault(''), register: parseAsBoolean.withDefault(false) });
  const list = useQuery(trpc.extensions.list.queryOptions({ limit: 200 }));
  const wanted = state.q.trim().toLowerCase();
  const rows = (list.data?.items ?? []).filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(wanted));
  return (
    <Page title="Extensions" crumbs={[{ label: 'Extensions' }]}>
      <PageHead
        title="Extensions"
        lede="What can act on sandboxes. An extension does nothing until an activation says for which."
        actions={
          <>
            <FilterField label="Name" className="w-44" value={state.q} onChange={(event) => void set({ q: event.target.value })} />
            <Button look="primary" icon={Plus} denied={denied} onClick={() => void set({ register: true })}>
              Register extension
            </Button>
          </>
        }
      />
      {list.error ? <ProblemNote className="mt-3" problem={problemOf(list.error)} onRetry={() => void list.refetch()} /> : null}
      <Panel title="Extensions" className="mt-4">
        {list.data ? (
          <SimpleTable
            label="Extensions"
            rows={rows}
            rowKey={(extension) => extension.name}
            empty={<Empty>{wanted === '' ? 'No extension is registered.' : 'No extension has this name.'}</Empty>}
            columns={[
              {
                id: 'name',
                head: 'Extension',
                cell: (extension) => (
                  <Link href={`/extensions/${encodeURIComponent(extension.name)}`} className="hover:underline">
                    <b className="font-medium">{extension.name}</b> <span className="text-ink3">{extension.latest}</span>
                  </Link>
                ),
              },
              {
                id: 'description',
                head: 'What it does',
                wide: true,
                hide: 'narrow',
                cell: (extension) => <span title={extension.description}>{extension.description}</span>,
              },
              { id: 'source', head: 'Source', hide: 'narrow', cell: (extension) => extension.source },
              {
                id: 'transport',
                head: 'Runs',
                hide: 'medium',
                cell: (extension) => extension.revisions.find(({ revision }) => revision === extension.latest)?.transport.kind.replace('_', ' ') ?? '',
              },
              { id: 'kill', head: 'Kill switch', cell: (extension) => <State look={killLook(extension.killSwitch.on)} /> },
              { id: 'breaker', head: 'Breaker', hide: 'narrow', cell: (extension) => <State look={breakerLook[extension.breaker]} /> },
              { id: 'activations', head: 'Activations', align: 'right', cell: (extension) => extension.activations },
              {
                id: 'owed',
                head: 'Owed',
                align: 'right',
                hide: 'narrow',
                cell: (extension) => <span className={extension.owed > 0 ? 'font-medium text-owed' : 'text-ink3'}>{extension.owed}</span>,
              },
            ]}
          />
        ) : list.error ? null : (
          <Skeleton />
        )}
      </Panel>
      {state.register ? <RegisterSheet onClose={() => void set({ register: false })} /> : null}
    </Page>
  );
}
