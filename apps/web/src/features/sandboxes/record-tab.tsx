'use client';
import type { ActivationRecordView } from '@tenon/contract';
import { problemOf } from '../../api/problem.ts';
import { Place } from '../../ui/author.tsx';
import { TextLink } from '../../ui/button.tsx';
import { Empty, Meta, Panel, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { SimpleTable } from '../../ui/simple-table.tsx';
import { modeLook, State } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';

/** The frozen decision: which extensions act on this sandbox, and why; which do not, and why not. */
export function RecordTab({
  record,
  error,
  onRetry,
}: {
  readonly record: ActivationRecordView | undefined;
  readonly error: unknown;
  readonly onRetry: () => void;
}) {
  if (error && !record) return <ProblemNote className="m-3 md:mx-6" problem={problemOf(error)} onRetry={onRetry} />;
  if (!record) return <Skeleton />;
  const claims = record.extensions[0]?.claims ?? {};
  return (
    <div className="grid min-h-0 content-start gap-4 overflow-y-auto px-3 py-4 md:px-6">
      <Meta
        items={[
          <span key="d">
            frozen <Time at={record.decidedAt} precise />
          </span>,
          `claims from ${record.claimsSource}`,
          ...Object.entries(claims).map(([name, value]) => `${name} ${value}`),
        ]}
      />
      <Panel title="Active extensions" note="in setup order; every later phase reads this, never today's activations">
        <SimpleTable
          label="Active extensions"
          rows={record.extensions.map((extension, index) => ({ ...extension, place: index + 1 }))}
          rowKey={(extension) => extension.name}
          empty={<Empty action={<TextLink href="/activations">Activations</TextLink>}>No extension was active when it was created.</Empty>}
          columns={[
            {
              id: 'name',
              head: 'Extension',
              cell: (extension) => (
                <span className="inline-flex items-center gap-1.5">
                  <Place of={extension.place} />
                  <TextLink href={`/extensions/${encodeURIComponent(extension.name)}`} className="font-medium text-ink no-underline hover:underline">
                    {extension.name}
                  </TextLink>
                  <span className="text-ink3">{extension.revision}</span>
                </span>
              ),
            },
            { id: 'mode', head: 'Mode', cell: (extension) => <State look={modeLook[extension.mode]} /> },
            { id: 'required', head: 'Required', hide: 'narrow', cell: (extension) => (extension.required ? 'yes' : 'no') },
            { id: 'order', head: 'Order', align: 'right', hide: 'narrow', cell: (extension) => extension.order },
            { id: 'share', head: 'Share', align: 'right', hide: 'narrow', cell: (extension) => `${extension.percentage} %` },
            { id: 'why', head: 'Why it is active', wide: true, cell: (extension) => <span title={extension.why}>{extension.why}</span> },
            { id: 'granted', head: 'Granted by', hide: 'medium', cell: (extension) => extension.grantedBy ?? <span className="text-ink3">always on</span> },
            {
              id: 'failure',
              head: 'On failure',
              hide: 'medium',
              cell: (extension) =>
                Object.entries(extension.failurePolicy)
                  .map(([phase, policy]) => `${phase}: ${policy}`)
                  .join(', ') || <span className="text-ink3">as the phases say</span>,
            },
            {
              id: 'digest',
              head: 'Config',
              hide: 'medium',
              cell: (extension) => <code title={extension.configDigest}>{extension.configDigest.slice(0, 12)}</code>,
            },
          ]}
        />
      </Panel>
      <Panel title="Passed over" note="considered and not run">
        <SimpleTable
          label="Passed over"
          rows={record.passedOver}
          rowKey={(each) => `${each.name} ${each.reason}`}
          empty={<Empty>No other extension was considered.</Empty>}
          columns={[
            { id: 'name', head: 'Extension', cell: (each) => each.name },
            { id: 'reason', head: 'Why not', wide: true, cell: (each) => <span title={each.reason}>{each.reason}</span> },
          ]}
        />
      </Panel>
    </div>
  );
}
