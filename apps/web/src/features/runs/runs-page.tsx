'use client';
import { useQuery } from '@tanstack/react-query';
import { OPERATIONS, RUN_STATUSES } from '@tenon/vocabulary';
import { X } from 'lucide-react';
import { useQueryStates } from 'nuqs';
import { useTRPC } from '../../api/client.ts';
import { useDayAgo } from '../../shell/counts.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { Button, TextLink } from '../../ui/button.tsx';
import { FilterField, Picker } from '../../ui/field.tsx';
import { Empty } from '../../ui/panel.tsx';
import { runLook } from '../../ui/state.tsx';
import { definedOnly, runFilters } from './filters.ts';
import { RunsTable } from './runs-table.tsx';

const any = { value: '', label: 'All' };
const statusChoices = [
  any,
  ...RUN_STATUSES.map((status) => ({ value: status, label: status === 'failed_with_debt' ? 'Failed, effects owed' : runLook[status].word })),
  { value: 'failed,failed_with_debt', label: 'Failed, with or without debt' },
];
const operationChoices = [any, ...OPERATIONS.map((operation) => ({ value: operation, label: operation }))];

function Filters({ withStatus }: { readonly withStatus: boolean }) {
  const trpc = useTRPC();
  const drivers = useQuery(trpc.drivers.list.queryOptions({ limit: 200 }));
  const [filters, set] = useQueryStates(runFilters);
  const narrowing = [
    filters.extension && `extension ${filters.extension}`,
    filters.phase && `phase ${filters.phase}`,
    filters.code && `code ${filters.code}`,
    filters.sandboxId && 'one sandbox',
  ].filter((part) => typeof part === 'string' && part !== '');
  return (
    <div className="flex flex-wrap items-center gap-2">
      {withStatus ? (
        <Picker
          label="Status"
          choices={statusChoices}
          value={filters.status.join(',')}
          onChange={(event) => void set({ status: runFilters.status.parse(event.target.value) ?? [] })}
        />
      ) : null}
      <Picker
        label="Operation"
        choices={operationChoices}
        value={filters.operation ?? ''}
        onChange={(event) => void set({ operation: runFilters.operation.parse(event.target.value) })}
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
      {narrowing.length > 0 ? (
        <Button size="sm" icon={X} onClick={() => void set({ extension: null, phase: null, code: null, sandboxId: null })}>
          {narrowing.join(', ')}
        </Button>
      ) : null}
    </div>
  );
}

export function RunsPage() {
  const [filters] = useQueryStates(runFilters);
  return (
    <Page title="Runs" crumbs={[{ label: 'Runs' }]} fit>
      <div className="px-3 pt-4 pb-3 md:px-6 md:pt-5">
        <PageHead
          title="Runs"
          lede="Every operation on a sandbox, newest first. A failed one opens at the attempt that failed it."
          actions={<Filters withStatus />}
        />
      </div>
      <section aria-label="Runs" className="flex min-h-0 flex-1 flex-col border-t border-hairline">
        <RunsTable
          label="Runs"
          query={definedOnly(filters)}
          empty={<Empty>No run matches. Runs begin when a sandbox is created, started, stopped or deleted.</Empty>}
        />
      </section>
    </Page>
  );
}

/** What failed in the last day, newest first: one click to the attempt. */
export function FailuresPage() {
  const [filters] = useQueryStates(runFilters);
  const from = useDayAgo();
  return (
    <Page title="Failures" crumbs={[{ label: 'Failures' }]} fit>
      <div className="px-3 pt-4 pb-3 md:px-6 md:pt-5">
        <PageHead
          title="Failures"
          lede="Runs that failed in the last 24 h. Each opens at the attempt that failed it."
          actions={<Filters withStatus={false} />}
        />
      </div>
      <section aria-label="Failures" className="flex min-h-0 flex-1 flex-col border-t border-hairline">
        <RunsTable
          label="Failed runs"
          query={{ ...definedOnly(filters), status: ['failed', 'failed_with_debt'], from }}
          empty={<Empty action={<TextLink href="/runs">All runs</TextLink>}>No run failed in the last 24 h that matches.</Empty>}
        />
      </section>
    </Page>
  );
}
