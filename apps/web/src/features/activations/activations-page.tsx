'use client';
import { useQuery } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import dynamic from 'next/dynamic';
import { parseAsString, useQueryStates } from 'nuqs';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { Button } from '../../ui/button.tsx';
import { FilterField } from '../../ui/field.tsx';
import { Panel, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { useDenied } from '../session/index.ts';
import { scopeText } from './activation-form.ts';
import { ActivationsTable } from './activations-table.tsx';

const ActivationSheet = dynamic(() => import('./activation-sheet.tsx').then((module) => module.ActivationSheet), { ssr: false });

/** The rules in the order in which they take effect. */
export function ActivationsPage() {
  const trpc = useTRPC();
  const denied = useDenied()('operator');
  // `new` names the extension that a new activation is for; empty: none yet. `edit` names the activation.
  const [state, set] = useQueryStates({ q: parseAsString.withDefault(''), new: parseAsString, edit: parseAsString });
  const list = useQuery(trpc.activations.list.queryOptions({ limit: 200 }));
  const extensions = useQuery(trpc.extensions.list.queryOptions({ limit: 200 }));
  const onRequest = new Set(
    (extensions.data?.items ?? [])
      .filter(({ latest, revisions }) => revisions.find(({ revision }) => revision === latest)?.manifest.activation.mode === 'on_request')
      .map(({ name }) => name),
  );
  const wanted = state.q.trim().toLowerCase();
  const rows = (list.data?.items ?? []).filter((row) => `${row.extension} ${row.mode} ${scopeText(row.scope)} ${row.actor}`.toLowerCase().includes(wanted));
  const edited = list.data?.items.find(({ id }) => id === state.edit);
  return (
    <Page title="Activations" crumbs={[{ label: 'Activations' }]}>
      <PageHead
        title="Activations"
        lede="In effective order. Changes apply to new sandboxes; live ones keep the record frozen at their create."
        actions={
          <>
            <FilterField label="Extension, driver, workspace" className="w-52" value={state.q} onChange={(event) => void set({ q: event.target.value })} />
            <Button look="primary" icon={Plus} denied={denied} onClick={() => void set({ new: '' })}>
              New activation
            </Button>
          </>
        }
      />
      {list.error ? <ProblemNote className="mt-3" problem={problemOf(list.error)} onRetry={() => void list.refetch()} /> : null}
      <Panel title="Rules" note="the most specific scope decides alone" className="mt-4">
        {list.data ? (
          <ActivationsTable rows={rows} onRequest={onRequest} onNew={() => void set({ new: '' })} filtered={wanted !== ''} />
        ) : list.error ? null : (
          <Skeleton />
        )}
      </Panel>
      {state.new !== null ? (
        <ActivationSheet key={`new ${state.new}`} target={{ kind: 'new', extension: state.new }} onClose={() => void set({ new: null })} />
      ) : null}
      {edited ? <ActivationSheet key={`edit ${edited.id}`} target={{ kind: 'edit', row: edited }} onClose={() => void set({ edit: null })} /> : null}
    </Page>
  );
}
