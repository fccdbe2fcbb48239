'use client';
import { useQuery } from '@tanstack/react-query';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { TextLink } from '../../ui/button.tsx';
import { KeyValues, Meta, Panel, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { SimpleTable } from '../../ui/simple-table.tsx';
import { Chip, healthLook } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';
import { CapabilityMatrix } from './extension-matrix.tsx';

/** One driver: what it is, what it lets extensions change, what it keeps to itself. */
export function DriverPage({ name }: { readonly name: string }) {
  const trpc = useTRPC();
  const query = useQuery(trpc.drivers.get.queryOptions({ name }));
  const driver = query.data;
  return (
    <Page title={name} crumbs={[{ label: 'Drivers', href: '/drivers' }, { label: name }]}>
      {query.error ? <ProblemNote problem={problemOf(query.error)} onRetry={() => void query.refetch()} /> : null}
      {driver ? (
        <>
          <PageHead
            title={driver.name}
            chips={<Chip look={healthLook[driver.health.state]}>{driver.health.state}</Chip>}
            lede={
              <>
                {driver.health.detail}
                <Meta
                  items={[
                    driver.kind,
                    driver.version,
                    driver.isolation === 'none' ? 'no isolation: what it runs can reach what Tenon can' : `isolation ${driver.isolation}`,
                    <TextLink key="s" href={`/sandboxes?driver=${encodeURIComponent(driver.name)}`}>
                      {driver.sandboxes} sandboxes
                    </TextLink>,
                    <span key="a">
                      asked <Time at={driver.health.checkedAt} />
                    </span>,
                  ]}
                />
              </>
            }
          />
          <div className="mt-4 grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
            <div className="grid gap-4">
              <Panel title="Mutation points" note="parts of the plan that hooks may change, and when">
                <SimpleTable
                  label="Mutation points"
                  rows={driver.points}
                  rowKey={(point) => point.name}
                  columns={[
                    { id: 'name', head: 'Point', cell: (point) => <code>{point.name}</code> },
                    { id: 'path', head: 'Path', cell: (point) => <code>{point.path}</code> },
                    {
                      id: 'merge',
                      head: 'Merge',
                      hide: 'narrow',
                      cell: (point) =>
                        `${point.merge}${point.key === null ? '' : ` by ${point.key === 'set' ? 'value' : point.key.join(', ')}`}${point.ordered ? ', ordered' : ''}`,
                    },
                    { id: 'open', head: 'Open in', wide: true, cell: (point) => <code title={point.openIn.join(', ')}>{point.openIn.join(', ')}</code> },
                  ]}
                />
              </Panel>
              <Panel title="What it offers">
                <CapabilityMatrix extension={null} driver={driver.name} />
              </Panel>
            </div>
            <div className="grid gap-4">
              <Panel title="Identity">
                <KeyValues
                  className="px-4 py-3"
                  rows={[
                    ['Chain', driver.chain.join(' over ')],
                    ['Operations', driver.operations.join(', ')],
                    ['Create starts', driver.createStarts ? 'yes: there is no separate start' : 'no'],
                    ['Features', driver.features.join(', ') || 'none'],
                    ['Services', driver.services.join(', ') || 'none'],
                    ...Object.entries(driver.limits).map(([limit, value]) => [limit, String(value)] as const),
                  ]}
                />
              </Panel>
              <Panel title="Reserved" note="no extension may change these">
                <ul className="grid gap-0.5 px-4 py-3">
                  {driver.reserved.map((path) => (
                    <li key={path}>
                      <code className="wrap-anywhere">{path}</code>
                    </li>
                  ))}
                </ul>
              </Panel>
            </div>
          </div>
        </>
      ) : query.error ? null : (
        <Skeleton rows={8} />
      )}
    </Page>
  );
}
