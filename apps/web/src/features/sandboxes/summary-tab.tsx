import type { ActivationRecordView, SandboxView } from '@tenon/contract';
import { Place } from '../../ui/author.tsx';
import { TextLink } from '../../ui/button.tsx';
import { Empty, KeyValues, Panel } from '../../ui/panel.tsx';
import { modeLook, State } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';
import { RunsTable } from '../runs/index.ts';

/** The facts of a sandbox, who acts on it, and its last runs. */
export function SummaryTab({ sandbox, record }: { readonly sandbox: SandboxView; readonly record: ActivationRecordView | undefined }) {
  const base = `/sandboxes/${encodeURIComponent(sandbox.id)}`;
  return (
    <div className="grid min-h-0 content-start gap-4 overflow-y-auto px-3 py-4 md:px-6 lg:grid-cols-[minmax(0,1fr)_22rem]">
      <Panel title="Runs" more={{ href: `${base}?tab=runs`, label: 'All runs' }}>
        <RunsTable label={`Runs of ${sandbox.name}`} query={{ sandboxId: sandbox.id }} empty={<Empty>No run of it is kept any more.</Empty>} bounded />
      </Panel>
      <div className="grid content-start gap-4">
        <Panel title="Facts">
          <KeyValues
            className="px-4 py-3"
            rows={[
              [
                'Id',
                <code key="i" className="select-all">
                  {sandbox.id}
                </code>,
              ],
              ['Workspace', sandbox.workspace],
              [
                'Driver',
                <TextLink key="d" href={`/drivers/${encodeURIComponent(sandbox.driver.name)}`}>
                  {sandbox.driver.name}
                </TextLink>,
              ],
              sandbox.driver.chain.length > 1 ? ['Chain', sandbox.driver.chain.join(' over ')] : null,
              ['Created', <Time key="t" at={sandbox.createdAt} />],
              [
                'Owed effects',
                sandbox.owed === 0 ? (
                  'none'
                ) : (
                  <TextLink key="o" href={`${base}?tab=effects`}>
                    {String(sandbox.owed)}
                  </TextLink>
                ),
              ],
            ]}
          />
        </Panel>
        <Panel title="Extensions" note="in setup order" more={{ href: `${base}?tab=record`, label: 'Record' }}>
          {record && record.extensions.length > 0 ? (
            <ol className="px-4 py-2">
              {record.extensions.map((extension, index) => (
                <li key={extension.name} className="flex h-8 items-center gap-2">
                  <Place of={index + 1} />
                  <TextLink href={`/extensions/${encodeURIComponent(extension.name)}`} className="truncate text-ink no-underline hover:underline">
                    {extension.name}
                  </TextLink>
                  <span className="text-ink3">{extension.revision}</span>
                  <span className="flex-1" />
                  <State look={modeLook[extension.mode]} className="text-sm" />
                </li>
              ))}
            </ol>
          ) : (
            <Empty>{record ? 'No extension was active when it was created.' : 'The record is being read.'}</Empty>
          )}
        </Panel>
      </div>
    </div>
  );
}
