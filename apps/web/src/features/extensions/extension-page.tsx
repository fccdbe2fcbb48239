'use client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ExtensionView } from '@tenon/contract';
import { Ban } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Page, PageHead } from '../../shell/page.tsx';
import { LinkButton, TextLink } from '../../ui/button.tsx';
import { ConfirmSheet } from '../../ui/dialog.tsx';
import { CheckField, Picker } from '../../ui/field.tsx';
import { formatDuration } from '../../ui/format.ts';
import { ActionMenu } from '../../ui/menu.tsx';
import { KeyValues, Meta, Panel, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { SimpleTable } from '../../ui/simple-table.tsx';
import { breakerLook, Chip, owedLook } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';
import { sayDone } from '../../ui/toast.tsx';
import { ActivationsTable } from '../activations/index.ts';
import { CapabilityMatrix } from '../drivers/index.ts';
import { INSTALLATION, useDenied } from '../session/index.ts';
import { killLook } from './kill-look.ts';
import { KillSwitchButton } from './kill-switch.tsx';
import { RegisterSheet } from './register-sheet.tsx';

/** One extension: where it acts, what its revisions declare, where it can run, and its kill switch. */
export function ExtensionPage({ name }: { readonly name: string }) {
  const trpc = useTRPC();
  const router = useRouter();
  const denied = useDenied()('admin', INSTALLATION);
  const query = useQuery(trpc.extensions.get.queryOptions({ name }));
  const activations = useQuery(trpc.activations.list.queryOptions({ extension: name, limit: 200 }));
  const [dialog, setDialog] = useState<'revision' | 'remove' | null>(null);
  const extension = query.data;
  const latest = extension?.revisions.find(({ revision }) => revision === extension.latest);
  const inProcess = latest?.transport.kind === 'in_process';
  return (
    <Page title={name} crumbs={[{ label: 'Extensions', href: '/extensions' }, { label: name }]}>
      {query.error ? <ProblemNote problem={problemOf(query.error)} onRetry={() => void query.refetch()} /> : null}
      {extension ? (
        <>
          <PageHead
            title={extension.name}
            chips={
              <>
                {extension.killSwitch.on ? <Chip look={killLook(true)}>Kill switch on</Chip> : null}
                {extension.breaker === 'closed' ? null : <Chip look={breakerLook[extension.breaker]}>Breaker {breakerLook[extension.breaker].word}</Chip>}
                {extension.owed > 0 ? <Chip look={owedLook(extension.owed)} /> : null}
              </>
            }
            lede={
              <>
                {extension.description}
                <Meta
                  items={[
                    `latest ${extension.latest}`,
                    extension.source,
                    latest?.manifest.activation.mode === 'on_request' ? `asked for by ${latest.manifest.activation.key}` : 'global',
                    <TextLink key="f" href={`/runs?extension=${encodeURIComponent(name)}&status=failed,failed_with_debt`}>
                      failed runs
                    </TextLink>,
                    extension.owed > 0 ? (
                      <TextLink key="o" href={`/effects?extension=${encodeURIComponent(name)}`}>
                        owed effects
                      </TextLink>
                    ) : null,
                  ]}
                />
              </>
            }
            actions={
              <>
                <KillSwitchButton extension={extension} />
                <LinkButton href={`/activations?new=${encodeURIComponent(name)}`} look="primary">
                  Activate
                </LinkButton>
                <ActionMenu
                  label={`Actions for ${name}`}
                  actions={[
                    {
                      label: 'New revision',
                      denied: denied ?? (inProcess ? 'In-process extensions come with the code: their revision is what is there.' : null),
                      onSelect: () => setDialog('revision'),
                    },
                    {
                      label: 'Unregister',
                      danger: true,
                      denied: denied ?? (extension.source === 'registered' ? null : `It is ${extension.source}: take it out of the configuration.`),
                      onSelect: () => setDialog('remove'),
                    },
                  ]}
                />
              </>
            }
          />
          {extension.killSwitch.on ? (
            <p role="status" className="mt-3 flex items-start gap-2 rounded-md border border-l-3 border-bad-rule border-l-bad-fill bg-bad-soft px-3 py-2">
              <Ban aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0 text-bad" />
              <span>
                <b className="font-semibold">No hook and no release of it is called.</b> {extension.killSwitch.actor} turned the kill switch on
                {extension.killSwitch.at ? (
                  <>
                    {' '}
                    at <Time at={extension.killSwitch.at} />
                  </>
                ) : null}
                : "{extension.killSwitch.reason}"
              </span>
            </p>
          ) : null}
          <div className="mt-4 grid gap-4">
            <Panel title="Activations" note="in effective order" more={{ href: '/activations', label: 'All activations' }}>
              {activations.error ? <ProblemNote className="m-3" problem={problemOf(activations.error)} onRetry={() => void activations.refetch()} /> : null}
              {activations.data ? (
                <ActivationsTable
                  rows={activations.data.items}
                  onRequest={new Set(latest?.manifest.activation.mode === 'on_request' ? [name] : [])}
                  onNew={() => router.push(`/activations?new=${encodeURIComponent(name)}`)}
                  filtered={false}
                />
              ) : activations.error ? null : (
                <Skeleton rows={2} />
              )}
            </Panel>
            <Revisions extension={extension} />
            <Panel title="Where it can run" more={{ href: `/drivers?extension=${encodeURIComponent(name)}`, label: 'Matrix' }}>
              <CapabilityMatrix extension={name} />
            </Panel>
          </div>
          {dialog === 'revision' && latest ? <RegisterSheet of={latest} onClose={() => setDialog(null)} /> : null}
          {dialog === 'remove' ? <UnregisterSheet extension={extension} onClose={() => setDialog(null)} /> : null}
        </>
      ) : query.error ? null : (
        <Skeleton rows={8} />
      )}
    </Page>
  );
}

/** The revisions, newest first, and what the chosen one declares. */
function Revisions({ extension }: { readonly extension: ExtensionView }) {
  const [chosen, setChosen] = useState(extension.latest);
  const revision = extension.revisions.find((each) => each.revision === chosen) ?? extension.revisions[0];
  if (!revision) return null;
  const { manifest, transport } = revision;
  return (
    <Panel
      title="Revisions"
      note={`${extension.revisions.length} registered`}
      actions={
        <Picker
          label="Revision"
          choices={extension.revisions.map((each) => ({
            value: each.revision,
            label: each.revision === extension.latest ? `${each.revision}, latest` : each.revision,
          }))}
          value={revision.revision}
          onChange={(event) => setChosen(event.target.value)}
        />
      }
    >
      <KeyValues
        className="px-4 py-3"
        rows={[
          ['Registered', <Time key="t" at={revision.createdAt} />],
          ['Transport', transport.url === null ? 'in process' : <code key="u">{`${transport.kind} ${transport.url}`}</code>],
          transport.signedAnswers ? ['Answers', 'must be signed'] : null,
          ['Drivers', manifest.drivers?.join(', ') ?? 'any that has what it needs'],
          ['Effects', manifest.effects.join(', ') || 'none'],
          manifest.overrides.length > 0 ? ['May override', manifest.overrides.join(', ')] : null,
          ['Safe in a dry run', manifest.dryRunSafe ? 'yes' : 'no: it is skipped there'],
          ['Safe in shadow', manifest.shadowSafe ? 'yes' : 'no: its phases with effects are skipped there'],
          manifest.cleansUp ? ['Cleans up', <code key="c">{manifest.cleansUp}</code>] : null,
        ]}
      />
      <div className="border-t border-hairline">
        <SimpleTable
          label={`Hooks of ${extension.name} ${revision.revision}`}
          rows={manifest.hooks}
          rowKey={(hook) => hook.phase}
          columns={[
            { id: 'phase', head: 'Phase', cell: (hook) => <code>{hook.phase}</code> },
            { id: 'required', head: 'Required', cell: (hook) => (hook.required ? 'yes' : 'no') },
            { id: 'failure', head: 'On failure', cell: (hook) => hook.onFailure },
            { id: 'deadline', head: 'Deadline', align: 'right', hide: 'narrow', cell: (hook) => formatDuration(hook.deadlineMs) },
            {
              id: 'points',
              head: 'Points and features',
              wide: true,
              hide: 'narrow',
              cell: (hook) => (
                <code>
                  {[
                    ...hook.points,
                    ...hook.optionalPoints.map((point) => `${point}?`),
                    ...hook.features,
                    ...hook.optionalFeatures.map((feature) => `${feature}?`),
                  ].join(' ') || 'none'}
                </code>
              ),
            },
          ]}
        />
      </div>
    </Panel>
  );
}

function UnregisterSheet({ extension, onClose }: { readonly extension: ExtensionView; readonly onClose: () => void }) {
  const trpc = useTRPC();
  const router = useRouter();
  const queries = useQueryClient();
  const [force, setForce] = useState(false);
  const remove = useMutation(
    trpc.extensions.remove.mutationOptions({
      onSuccess: async () => {
        sayDone(`${extension.name} is unregistered`);
        router.push('/extensions');
        await queries.invalidateQueries(trpc.extensions.list.pathFilter());
      },
    }),
  );
  return (
    <ConfirmSheet
      open
      onClose={onClose}
      title={`Unregister ${extension.name}`}
      facts={
        <p>
          It has {extension.activations} activations and {extension.owed} owed effects. While those, or sandboxes that hold it, remain, only a forced removal
          goes on: then its activations go, its hooks are skipped, and what it made becomes owed when it falls due.
        </p>
      }
      extra={<CheckField label="Force: go on although something still needs it" checked={force} onChange={(event) => setForce(event.target.checked)} />}
      confirm="Unregister"
      danger
      reason={force ? 'required' : 'optional'}
      busy={remove.isPending}
      problem={remove.error ? <ProblemNote problem={problemOf(remove.error)} /> : null}
      onConfirm={(reason) => remove.mutate({ name: extension.name, force, ...(reason === '' ? {} : { reason }) })}
    />
  );
}
