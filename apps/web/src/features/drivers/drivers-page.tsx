'use client';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { parseAsString, useQueryState } from 'nuqs';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { Picker } from '../../ui/field.tsx';
import { Empty, Panel, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { SimpleTable } from '../../ui/simple-table.tsx';
import { capabilityLook, healthLook, State } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';
import { CapabilityMatrix } from './extension-matrix.tsx';

export function DriversPage() {
  const trpc = useTRPC();
  const [extension, setExtension] = useQueryState('extension', parseAsString);
  const drivers = useQuery(trpc.drivers.list.queryOptions({ limit: 200 }));
  const extensions = useQuery(trpc.extensions.list.queryOptions({ limit: 200 }));
  return (
    <Page title="Drivers" crumbs={[{ label: 'Drivers' }]}>
      <PageHead
        title="Drivers"
        lede="What runs sandboxes here, and what each can do for an extension. Focus a cell for the reason; arrow keys move between cells."
      />
      {drivers.error ? <ProblemNote className="mt-3" problem={problemOf(drivers.error)} onRetry={() => void drivers.refetch()} /> : null}
      <Panel title="Drivers" className="mt-4">
        {drivers.data ? (
          <SimpleTable
            label="Drivers"
            rows={drivers.data.items}
            rowKey={(driver) => driver.name}
            empty={<Empty>No driver is there: Tenon found neither a Docker socket nor another backend. TENON_DRIVERS names the drivers to use.</Empty>}
            columns={[
              {
                id: 'name',
                head: 'Driver',
                cell: (driver) => (
                  <Link href={`/drivers/${encodeURIComponent(driver.name)}`} className="font-medium hover:underline">
                    {driver.name}
                  </Link>
                ),
              },
              { id: 'health', head: 'Health', cell: (driver) => <State look={healthLook[driver.health.state]} /> },
              { id: 'detail', head: 'Detail', wide: true, cell: (driver) => <span title={driver.health.detail}>{driver.health.detail}</span> },
              { id: 'kind', head: 'Kind', hide: 'narrow', cell: (driver) => driver.kind },
              { id: 'version', head: 'Version', hide: 'narrow', cell: (driver) => driver.version },
              {
                id: 'isolation',
                head: 'Isolation',
                hide: 'narrow',
                cell: (driver) => (driver.isolation === 'none' ? <span className="font-medium text-owed">none</span> : driver.isolation),
              },
              { id: 'sandboxes', head: 'Sandboxes', align: 'right', cell: (driver) => driver.sandboxes },
              { id: 'checked', head: 'Asked', align: 'right', hide: 'medium', cell: (driver) => <Time at={driver.health.checkedAt} /> },
            ]}
          />
        ) : drivers.error ? null : (
          <Skeleton />
        )}
      </Panel>
      <Panel
        title="Capability matrix"
        className="mt-4"
        actions={
          <Picker
            label="Extension"
            choices={[{ value: '', label: 'none, what drivers offer' }, ...(extensions.data?.items ?? []).map(({ name }) => ({ value: name, label: name }))]}
            value={extension ?? ''}
            onChange={(event) => void setExtension(event.target.value || null)}
          />
        }
      >
        <ul aria-label="Legend" className="flex flex-wrap gap-x-4 gap-y-1 border-b border-hairline px-4 py-2 text-sm">
          <li>
            <State look={capabilityLook.supported}>supported</State>
          </li>
          <li>
            <State look={capabilityLook.no_op}>no-op (optional): left out, shown as skipped</State>
          </li>
          <li>
            <State look={capabilityLook.refused}>refused (required): cannot be activated there</State>
          </li>
        </ul>
        <CapabilityMatrix extension={extension} />
      </Panel>
    </Page>
  );
}
