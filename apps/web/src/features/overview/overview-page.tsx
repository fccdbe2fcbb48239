'use client';
import { useQuery } from '@tanstack/react-query';
import { ArrowRight, Ban, ReceiptText, Server, TriangleAlert } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { useDayAgo } from '../../shell/counts.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { LinkButton } from '../../ui/button.tsx';
import { cx } from '../../ui/cx.ts';
import { TwoLines } from '../../ui/data-table.tsx';
import { plural } from '../../ui/format.ts';
import { Empty, Panel, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { SimpleTable } from '../../ui/simple-table.tsx';
import { breakerLook, healthLook, State } from '../../ui/state.tsx';
import { Age, Time } from '../../ui/time.tsx';
import { RunsTable, runHref } from '../runs/index.ts';
import { type FailureGroup, groupFailures, perHour } from './failure-groups.ts';

const HOURS = 24;

/** What needs a person now: failing runs, owed effects, drivers and breakers, and what changed before. */
export function OverviewPage() {
  const trpc = useTRPC();
  const from = useDayAgo();
  const failed = useQuery(trpc.runs.list.queryOptions({ status: ['failed', 'failed_with_debt'], from, limit: 200 }));
  const owed = useQuery(trpc.effects.list.queryOptions({ state: ['owed'], limit: 200 }));
  const drivers = useQuery(trpc.drivers.list.queryOptions({ limit: 200 }));
  const extensions = useQuery(trpc.extensions.list.queryOptions({ limit: 200 }));
  const audit = useQuery(trpc.audit.list.queryOptions({ limit: 6 }));
  const failures = failed.data?.items ?? [];
  const start = Date.parse(from);
  const groups = groupFailures(failures, start, HOURS);
  const sick = (drivers.data?.items ?? []).filter(({ health }) => health.state !== 'healthy');
  const stopped = (extensions.data?.items ?? []).filter(({ breaker, killSwitch }) => breaker !== 'closed' || killSwitch.on);
  const first = [failed, owed, drivers, extensions].find(({ error }) => error !== null);
  const more = failed.data?.next !== null && failed.data !== undefined;
  const title =
    failed.data === undefined
      ? 'Overview'
      : failures.length === 0
        ? 'No run failed in the last 24 hours'
        : `${more ? 'More than ' : ''}${plural(failures.length, 'run')} failed in the last 24 hours`;
  const oldest = owed.data?.items.reduce<string | null>((at, effect) => (at === null || effect.createdAt < at ? effect.createdAt : at), null);
  return (
    <Page title="Overview" crumbs={[{ label: 'Overview' }]}>
      <PageHead
        title={title}
        lede={
          groups[0]
            ? `Most often ${groups[0].code}${groups[0].extension ? ` of ${groups[0].extension}` : ''}${groups[0].phase ? ` in ${groups[0].phase}` : ''}.`
            : undefined
        }
      />
      {first?.error ? <ProblemNote className="mt-3" problem={problemOf(first.error)} onRetry={() => void first.refetch()} /> : null}
      <section aria-label="Figures" className="mt-4 grid rounded-lg border border-hairline md:grid-cols-2 lg:grid-cols-4">
        <Tile
          icon={TriangleAlert}
          tone={failures.length > 0 ? 'text-bad' : ''}
          name="Failing runs"
          href="/failures"
          figure={failed.data ? `${failures.length}${more ? '+' : ''}` : '…'}
          note="in 24 h"
        >
          <Bars counts={perHour(failures, start, HOURS)} label="Failed runs per hour" />
        </Tile>
        <Tile
          icon={ReceiptText}
          tone={(owed.data?.items.length ?? 0) > 0 ? 'text-owed' : ''}
          name="Owed effects"
          href="/effects"
          figure={owed.data ? `${owed.data.items.length}${owed.data.next === null ? '' : '+'}` : '…'}
          note={
            oldest ? (
              <>
                oldest <Age at={oldest} />
              </>
            ) : (
              'nothing is owed'
            )
          }
        />
        <Tile
          icon={Ban}
          tone={stopped.length > 0 ? 'text-bad' : ''}
          name="Breakers and kill switches"
          href="/extensions"
          figure={extensions.data ? String(stopped.length) : '…'}
          note={`not called, of ${plural(extensions.data?.items.length ?? 0, 'extension')}`}
        />
        <Tile
          icon={Server}
          tone={sick.length > 0 ? 'text-owed' : ''}
          name="Drivers"
          href="/drivers"
          figure={drivers.data ? `${drivers.data.items.length - sick.length} of ${drivers.data.items.length}` : '…'}
          note="healthy"
        />
      </section>
      <div className="mt-4 grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 gap-4">
          <Panel
            title="Failing runs"
            note={groups.length > 0 ? `${plural(groups.length, 'group')} by error, extension and phase` : undefined}
            more={{ href: '/failures', label: 'All failures' }}
          >
            {failed.data ? <Groups groups={groups} /> : <Skeleton rows={3} />}
          </Panel>
          <Panel title="Recent runs" more={{ href: '/runs', label: 'All runs' }}>
            <RunsTable
              label="Recent runs"
              query={{}}
              bounded
              empty={<Empty action={<LinkButton href="/sandboxes/new">Create a sandbox</LinkButton>}>Nothing has run yet.</Empty>}
            />
          </Panel>
        </div>
        <div className="grid min-w-0 gap-4">
          <Panel title="Drivers" more={{ href: '/drivers', label: 'Capabilities' }}>
            {drivers.data ? (
              drivers.data.items.length === 0 ? (
                <Empty>No driver is there.</Empty>
              ) : (
                <ul>
                  {[...drivers.data.items]
                    .sort((a, b) => Number(a.health.state === 'healthy') - Number(b.health.state === 'healthy'))
                    .map((driver) => (
                      <Row
                        key={driver.name}
                        href={`/drivers/${encodeURIComponent(driver.name)}`}
                        look={
                          <State look={healthLook[driver.health.state]}>
                            {<span className={driver.health.state === 'healthy' ? 'sr-only' : ''}>{driver.health.state}</span>}
                          </State>
                        }
                        name={driver.name}
                        note={driver.version}
                        end={`${driver.sandboxes} live`}
                        sub={driver.health.state === 'healthy' ? undefined : driver.health.detail}
                      />
                    ))}
                </ul>
              )
            ) : (
              <Skeleton rows={3} />
            )}
          </Panel>
          <Panel title="Not called" note="breakers and kill switches" more={{ href: '/extensions', label: 'Extensions' }}>
            {stopped.length === 0 ? (
              <Empty>Every extension is called.</Empty>
            ) : (
              <ul>
                {stopped.map((extension) => (
                  <Row
                    key={extension.name}
                    href={`/extensions/${encodeURIComponent(extension.name)}`}
                    look={<State look={extension.killSwitch.on ? { ...breakerLook.open, word: 'killed' } : breakerLook[extension.breaker]} />}
                    name={extension.name}
                    note={extension.latest}
                    end={extension.killSwitch.on ? 'killed' : 'breaker'}
                    sub={extension.killSwitch.on ? `${extension.killSwitch.actor}: ${extension.killSwitch.reason}` : undefined}
                  />
                ))}
              </ul>
            )}
          </Panel>
          <Panel title="What changed" more={{ href: '/audit', label: 'Audit' }}>
            {audit.data ? (
              audit.data.items.length === 0 ? (
                <Empty>Nothing has been changed yet.</Empty>
              ) : (
                <ul>
                  {audit.data.items.map((entry) => (
                    <Row
                      key={entry.id}
                      href={`/audit?objectName=${encodeURIComponent(entry.object.name)}`}
                      look={null}
                      name={`${entry.action} ${entry.object.name}`}
                      note={entry.outcome === 'refused' ? 'refused' : ''}
                      end={<Time at={entry.at} />}
                      sub={`${entry.actor}${entry.reason ? ` · "${entry.reason}"` : ''}`}
                    />
                  ))}
                </ul>
              )
            ) : audit.error ? (
              <Empty>{problemOf(audit.error).detail}</Empty>
            ) : (
              <Skeleton rows={3} />
            )}
          </Panel>
        </div>
      </div>
    </Page>
  );
}

interface TileProps {
  readonly icon: typeof Ban;
  readonly tone: string;
  readonly name: string;
  readonly href: string;
  readonly figure: string;
  readonly note: ReactNode;
  readonly children?: ReactNode;
}

function Tile({ icon: Icon, tone, name, href, figure, note, children }: TileProps) {
  return (
    <div className="min-w-0 border-hairline px-4 py-3 not-first:border-t md:not-first:border-t-0 md:even:border-l lg:not-first:border-l md:max-lg:nth-[n+3]:border-t">
      <h2 className="flex items-center gap-1.5 text-sm font-medium text-ink2">
        <Icon aria-hidden size={14} strokeWidth={1.75} className={cx('shrink-0', tone)} />
        <Link href={href} className="hover:underline">
          {name}
        </Link>
      </h2>
      <p className="mt-1 flex items-baseline gap-2 whitespace-nowrap">
        <b className="text-2xl font-semibold tracking-[-0.025em]">{figure}</b>
        <span className="truncate text-sm text-ink2">{note}</span>
      </p>
      {children}
    </div>
  );
}

/** Counts per hour as bars; the figures are in the text for who cannot see them. */
function Bars({ counts, label }: { readonly counts: readonly number[]; readonly label: string }) {
  const most = Math.max(1, ...counts);
  return (
    <div
      role="img"
      aria-label={`${label}: at most ${Math.max(0, ...counts)}, ${counts.at(-1) ?? 0} in the last hour`}
      className="mt-2 flex h-8 items-end gap-0.5 border-b border-rule"
    >
      {counts.map((count, hour) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: an hour is its place
          key={hour}
          data-bar
          className={cx('min-w-0 flex-1 rounded-t-[1px]', count > 0 ? 'bg-bad-fill' : 'bg-hairline')}
          style={{ height: count > 0 ? `${Math.max(12, (count / most) * 100)}%` : '1px' }}
        />
      ))}
    </div>
  );
}

function Groups({ groups }: { readonly groups: readonly FailureGroup[] }) {
  return (
    <SimpleTable
      label="Failing runs by cause"
      rows={groups.slice(0, 8)}
      rowKey={(group) => group.key}
      empty={<Empty>No run failed in the last 24 h.</Empty>}
      columns={[
        {
          id: 'failure',
          head: 'Failure',
          wide: true,
          cell: (group) => (
            <span className="flex min-w-0 items-start gap-2 py-1">
              <TriangleAlert aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0 text-bad" />
              <TwoLines
                title={group.message}
                first={<b className="font-medium">{group.message}</b>}
                second={
                  <>
                    <code>{group.code}</code> {[group.extension, group.phase].filter(Boolean).map((part) => `· ${part} `)}
                  </>
                }
              />
            </span>
          ),
        },
        { id: 'driver', head: 'Driver', hide: 'narrow', cell: (group) => <TwoLines first={group.drivers.join(', ')} second={group.workspaces.join(', ')} /> },
        { id: 'runs', head: 'Runs', align: 'right', cell: (group) => <b className="font-semibold">{group.count}</b> },
        { id: 'trend', head: '24 h', hide: 'medium', cell: (group) => <Spark counts={group.hours} /> },
        { id: 'last', head: 'Last', hide: 'narrow', cell: (group) => <Time at={group.last.startedAt} /> },
        {
          id: 'go',
          head: <span className="sr-only">Open</span>,
          align: 'right',
          cell: (group) => (
            <Link
              href={runHref(group.last.id, group.last.firstError?.attemptId)}
              aria-label={`First failure: ${group.code}${group.extension ? ` of ${group.extension}` : ''}`}
              className="inline-flex items-center gap-1 text-sm hover:underline"
            >
              <span className="max-md:hidden">First failure</span> <ArrowRight aria-hidden size={14} />
            </Link>
          ),
        },
      ]}
    />
  );
}

function Spark({ counts }: { readonly counts: readonly number[] }) {
  const most = Math.max(1, ...counts);
  return (
    <span aria-hidden className="flex h-5 w-18 items-end gap-px border-b border-dashed border-rule">
      {counts.map((count, hour) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an hour is its place
        <i key={hour} data-bar className={cx('flex-1', count > 0 && 'bg-bad-fill')} style={{ height: `${(count / most) * 100}%` }} />
      ))}
    </span>
  );
}

interface RowProps {
  readonly href: string;
  readonly look: ReactNode;
  readonly name: string;
  readonly note: string;
  readonly end: ReactNode;
  readonly sub?: string | undefined;
}

function Row({ href, look, name, note, end, sub }: RowProps) {
  return (
    <li className="border-b border-hairline px-4 py-1.5 last:border-b-0">
      <div className="flex min-h-6 items-center gap-2">
        {look}
        <Link href={href} className="min-w-0 truncate hover:underline" title={name}>
          {name}
        </Link>
        <span className="truncate text-sm text-ink3">{note}</span>
        <span className="flex-1" />
        <span className="text-sm whitespace-nowrap text-ink2">{end}</span>
      </div>
      {sub ? (
        <p className="truncate text-sm text-ink3" title={sub}>
          {sub}
        </p>
      ) : null}
    </li>
  );
}
