'use client';
import { useQuery } from '@tanstack/react-query';
import { Hourglass } from 'lucide-react';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { parseAsStringLiteral, useQueryState } from 'nuqs';
import type { ReactNode } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Page } from '../../shell/page.tsx';
import { Button } from '../../ui/button.tsx';
import { ErrorCode } from '../../ui/code.tsx';
import { formatAge } from '../../ui/format.ts';
import { ActionMenu } from '../../ui/menu.tsx';
import { Empty, Meta, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { Chip, owedLook, runLook, State, sandboxLook } from '../../ui/state.tsx';
import { TabLinks } from '../../ui/tabs.tsx';
import { Time } from '../../ui/time.tsx';
import { EffectsTable } from '../effects/index.ts';
import { RunsTable, runHref } from '../runs/index.ts';
import { stateDenies, useSandboxActions } from './sandbox-actions.tsx';
import { SummaryTab } from './summary-tab.tsx';

const RecordTab = dynamic(() => import('./record-tab.tsx').then((module) => module.RecordTab));
const LogsTab = dynamic(() => import('./logs-tab.tsx').then((module) => module.LogsTab));
const PlanTab = dynamic(() => import('./plan-tab.tsx').then((module) => module.PlanTab));

const TABS = ['summary', 'plan', 'record', 'runs', 'effects', 'logs'] as const;
const words = { summary: 'Summary', plan: 'Plan', record: 'Activation record', runs: 'Runs', effects: 'Effects', logs: 'Logs' } as const;

/** One sandbox: its state and what blocks it, its plan by author, what was decided for it, its runs, effects and logs. */
export function SandboxPage({ id }: { readonly id: string }) {
  const trpc = useTRPC();
  const [tab] = useQueryState('tab', parseAsStringLiteral(TABS).withDefault('summary'));
  const query = useQuery({ ...trpc.sandboxes.get.queryOptions({ id }), refetchInterval: ({ state }) => (state.data?.blockedBy ? 5000 : false) });
  const record = useQuery(trpc.sandboxes.record.queryOptions({ id }));
  const { actionsOf, dialog } = useSandboxActions();
  const sandbox = query.data;
  const base = `/sandboxes/${encodeURIComponent(id)}`;
  const crumbs = [
    { label: 'Sandboxes', href: '/sandboxes' },
    { label: sandbox?.name ?? 'Sandbox', href: base },
    ...(tab === 'summary' ? [] : [{ label: words[tab].toLowerCase() }]),
  ];
  const title = sandbox ? (tab === 'summary' ? sandbox.name : `${words[tab]} of ${sandbox.name}`) : 'Sandbox';
  let body: ReactNode = <Skeleton rows={8} className="pt-4" />;
  if (sandbox) {
    const actions = actionsOf(sandbox);
    const primary = actions.find(({ action }) => action === (sandbox.state === 'stopped' ? 'start' : 'stop'));
    body = (
      <>
        <div className="border-b border-hairline px-3 pt-4 md:pr-4 md:pl-6">
          <div className="flex flex-wrap items-start gap-3">
            <div className="min-w-0 flex-1 basis-64">
              <div className="flex flex-wrap items-center gap-2">
                <h1 className="text-xl font-semibold tracking-[-0.015em] wrap-anywhere">{sandbox.name}</h1>
                <Chip look={sandboxLook[sandbox.state]} />
                {sandbox.owed > 0 ? <Chip look={owedLook(sandbox.owed)} /> : null}
              </div>
              <Meta
                items={[
                  sandbox.workspace,
                  sandbox.driver.chain.join(' over '),
                  <span key="c">
                    created <Time at={sandbox.createdAt} />
                  </span>,
                  sandbox.lastRun ? (
                    <Link key="r" href={runHref(sandbox.lastRun.id)} className="hover:underline">
                      <State look={runLook[sandbox.lastRun.status]}>
                        last run {sandbox.lastRun.operation}, {runLook[sandbox.lastRun.status].word.toLowerCase()}
                      </State>
                    </Link>
                  ) : null,
                ]}
              />
            </div>
            <div className="flex items-center gap-2">
              {primary && (stateDenies(sandbox, primary.action) === null || primary.denied) ? (
                <Button denied={primary.denied} onClick={primary.onSelect}>
                  {primary.label}
                </Button>
              ) : null}
              <ActionMenu label={`Actions for ${sandbox.name}`} actions={actions} />
            </div>
          </div>
          {sandbox.blockedBy ? (
            <p role="status" className="mt-2 flex items-center gap-2 rounded-md border border-l-3 border-owed-rule border-l-owed-fill bg-owed-soft px-3 py-1.5">
              <Hourglass aria-hidden size={16} strokeWidth={1.5} className="shrink-0 text-owed" />
              <span>
                Blocked by <b className="font-semibold">{sandbox.blockedBy.extension}</b> in <code>{sandbox.blockedBy.phase}</code> for{' '}
                {formatAge(sandbox.blockedBy.sinceMs)}
              </span>
            </p>
          ) : null}
          {sandbox.stateReason ? (
            <p className="mt-2 wrap-anywhere">
              <ErrorCode tone={sandbox.state === 'failed' ? 'bad' : 'plain'}>{sandbox.stateReason.code}</ErrorCode> {sandbox.stateReason.message}
              {sandbox.stateReason.exitCode === null ? '' : ` Exit code ${sandbox.stateReason.exitCode}.`}
            </p>
          ) : null}
          <div className="mt-2">
            <TabLinks
              label="Parts of the sandbox"
              tabs={TABS.map((each) => ({
                href: each === 'summary' ? base : `${base}?tab=${each}`,
                label: words[each],
                current: each === tab,
                ...(each === 'record' && record.data ? { count: record.data.extensions.length } : {}),
              }))}
            />
          </div>
        </div>
        <div className="flex min-h-0 flex-1 flex-col">
          {tab === 'summary' ? <SummaryTab sandbox={sandbox} record={record.data} /> : null}
          {tab === 'plan' ? <PlanTab sandbox={sandbox} record={record.data} /> : null}
          {tab === 'record' ? <RecordTab record={record.data} error={record.error} onRetry={() => void record.refetch()} /> : null}
          {tab === 'runs' ? (
            <RunsTable label={`Runs of ${sandbox.name}`} query={{ sandboxId: id }} empty={<Empty>No run of it is kept any more.</Empty>} />
          ) : null}
          {tab === 'effects' ? (
            <EffectsTable label={`Effects of ${sandbox.name}`} query={{ sandboxId: id }} empty={<Empty>Nothing was made for it outside its plan.</Empty>} />
          ) : null}
          {tab === 'logs' ? <LogsTab sandbox={sandbox} /> : null}
        </div>
      </>
    );
  }
  return (
    <Page title={title} crumbs={crumbs} fit>
      {query.error ? <ProblemNote className="m-3 md:mx-6" problem={problemOf(query.error)} onRetry={() => void query.refetch()} /> : null}
      {query.error && !sandbox ? null : body}
      {dialog}
    </Page>
  );
}
