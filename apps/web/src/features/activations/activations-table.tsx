'use client';
import type { ActivationView } from '@tenon/contract';
import dynamic from 'next/dynamic';
import Link from 'next/link';
import { useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { ActionMenu } from '../../ui/menu.tsx';
import { Empty } from '../../ui/panel.tsx';
import { SimpleTable } from '../../ui/simple-table.tsx';
import { modeLook, State } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';
import { useDenied } from '../session/index.ts';
import { grantText, scopeText } from './activation-form.ts';
import type { SheetTarget } from './activation-sheet.tsx';

const ActivationSheet = dynamic(() => import('./activation-sheet.tsx').then((module) => module.ActivationSheet), { ssr: false });

interface TableProps {
  readonly rows: readonly ActivationView[];
  /** Extensions that a request may ask for: of the others, `asked for by` says nothing. */
  readonly onRequest: ReadonlySet<string>;
  readonly onNew: () => void;
  readonly filtered: boolean;
}

/** Activations in effective order, with what can be done with each. */
export function ActivationsTable({ rows, onRequest, onNew, filtered }: TableProps) {
  const denied = useDenied()('operator');
  const [target, setTarget] = useState<SheetTarget | null>(null);
  return (
    <>
      <SimpleTable
        label="Activations in effective order"
        rows={rows}
        rowKey={(row) => row.id}
        empty={
          <Empty
            action={
              filtered ? null : (
                <Button denied={denied} onClick={onNew}>
                  Activate one
                </Button>
              )
            }
          >
            {filtered ? 'No activation matches.' : 'No extension is activated: creates run without any.'}
          </Empty>
        }
        columns={[
          {
            id: 'extension',
            head: 'Extension',
            cell: (row) => (
              <Link href={`/extensions/${encodeURIComponent(row.extension)}`} className="hover:underline">
                <b className="font-medium">{row.extension}</b> <span className="text-ink3">{row.revision}</span>
              </Link>
            ),
          },
          { id: 'order', head: 'Order', align: 'right', hide: 'narrow', cell: (row) => row.order },
          { id: 'mode', head: 'Mode', cell: (row) => <State look={modeLook[row.mode]} /> },
          { id: 'scope', head: 'Scope', wide: true, cell: (row) => <span title={scopeText(row.scope)}>{scopeText(row.scope)}</span> },
          { id: 'share', head: 'Share', align: 'right', hide: 'narrow', cell: (row) => `${row.percentage} %` },
          {
            id: 'grant',
            head: 'May be asked for by',
            hide: 'medium',
            cell: (row) => (onRequest.has(row.extension) ? grantText(row.grant) : <span className="text-ink3">always on</span>),
          },
          {
            id: 'changed',
            head: 'Changed',
            hide: 'medium',
            cell: (row) => (
              <span title={row.reason}>
                <Time at={row.updatedAt} /> {row.actor}
              </span>
            ),
          },
          {
            id: 'actions',
            head: <span className="sr-only">Actions</span>,
            align: 'right',
            cell: (row) => (
              <ActionMenu
                label={`Actions for ${row.extension} ${scopeText(row.scope)}`}
                actions={[
                  { label: 'Change', denied, onSelect: () => setTarget({ kind: 'edit', row }) },
                  ...(['enforce', 'shadow', 'disabled'] as const)
                    .filter((mode) => mode !== row.mode)
                    .map((mode) => ({
                      label: { enforce: 'Enforce', shadow: 'Shadow', disabled: 'Disable' }[mode],
                      icon: modeLook[mode].icon,
                      denied,
                      onSelect: () => setTarget({ kind: 'mode' as const, row, mode }),
                    })),
                  { label: 'Remove', danger: true, denied, onSelect: () => setTarget({ kind: 'remove', row }) },
                ]}
              />
            ),
          },
        ]}
      />
      {target ? <ActivationSheet key={`${target.kind} ${'row' in target ? target.row.id : ''}`} target={target} onClose={() => setTarget(null)} /> : null}
    </>
  );
}
