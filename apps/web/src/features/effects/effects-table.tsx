'use client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { EffectView } from '@tenon/contract';
import { RefreshCw, Trash2 } from 'lucide-react';
import Link from 'next/link';
import { type ReactNode, useState } from 'react';
import { type ApiInputs, useTRPC, useTRPCClient } from '../../api/client.ts';
import { usePaged } from '../../api/paged.ts';
import { problemOf } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { type Column, DataTable, TwoLines } from '../../ui/data-table.tsx';
import { ConfirmSheet } from '../../ui/dialog.tsx';
import { useHeldRows } from '../../ui/held-rows.ts';
import { ListFrame } from '../../ui/list-frame.tsx';
import { ActionMenu } from '../../ui/menu.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { effectLook, State } from '../../ui/state.tsx';
import { Age, Time } from '../../ui/time.tsx';
import { sayDone, sayFailed } from '../../ui/toast.tsx';
import { useDenied } from '../session/index.ts';

const keyOf = (effect: EffectView) => effect.id;
const hrefOf = (effect: EffectView) => `/runs/${encodeURIComponent(effect.runId)}${effect.attemptId ? `?attempt=${encodeURIComponent(effect.attemptId)}` : ''}`;

export type EffectQuery = Omit<ApiInputs['effects']['list'], 'limit' | 'cursor'>;

/** The ledger: what was made outside the plan, and what is still owed. */
export function EffectsTable({ query, label, empty }: { readonly query: EffectQuery; readonly label: string; readonly empty: ReactNode }) {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const queries = useQueryClient();
  const denied = useDenied();
  const [waiving, setWaiving] = useState<EffectView | null>(null);
  const list = usePaged<EffectView>({
    key: trpc.effects.list.infiniteQueryKey(query),
    read: (page, signal) => client.effects.list.query({ ...query, ...page, limit: 100 }, { signal }),
  });
  const held = useHeldRows(list.rows, keyOf);
  const refresh = () => queries.invalidateQueries(trpc.effects.pathFilter());
  const retry = useMutation(
    trpc.effects.retry.mutationOptions({
      onSuccess: (effect) => {
        if (effect.state === 'owed') sayFailed(`${effect.kind} ${effect.key} is still owed`, effect.lastError?.message);
        else sayDone(`${effect.kind} ${effect.key} is ${effect.state}`);
        return refresh();
      },
      onError: (failure) => {
        const problem = problemOf(failure);
        sayFailed(`${problem.title}: ${problem.code}`, `${problem.detail} ${problem.hint ?? ''}`);
        return refresh();
      },
    }),
  );
  const waive = useMutation(
    trpc.effects.waive.mutationOptions({
      onSuccess: (effect) => {
        setWaiving(null);
        sayDone(`${effect.kind} ${effect.key} is waived`);
        return refresh();
      },
    }),
  );
  const columns: readonly Column<EffectView>[] = [
    {
      id: 'effect',
      head: 'Effect',
      width: 'minmax(10rem,1.4fr)',
      cell: (effect) => (
        <TwoLines
          title={`${effect.kind} ${effect.key}`}
          first={<code>{effect.key}</code>}
          second={
            <>
              <code>{effect.kind}</code> · {effect.extension ?? 'driver'}
            </>
          }
        />
      ),
    },
    { id: 'state', head: 'State', width: '7rem', hide: 'narrow', cell: (effect) => <State look={effectLook[effect.state]} /> },
    {
      id: 'sandbox',
      head: 'Sandbox and run',
      width: '9.5rem',
      hide: 'narrow',
      cell: (effect) => (
        <TwoLines
          first={
            <Link tabIndex={-1} href={`/sandboxes/${encodeURIComponent(effect.sandboxId)}`} className="hover:underline">
              {effect.sandboxId.slice(0, 13)}
            </Link>
          }
          second={
            <Link tabIndex={-1} href={hrefOf(effect)} className="hover:underline">
              {effect.phase ?? 'made by the driver'}
            </Link>
          }
        />
      ),
    },
    { id: 'scope', head: 'Scope', width: '5.5rem', hide: 'medium', cell: (effect) => effect.scope },
    {
      id: 'error',
      head: 'Last error',
      width: 'minmax(10rem,1.6fr)',
      hide: 'narrow',
      cell: (effect) =>
        effect.waivedReason !== null ? (
          <span className="block truncate" title={effect.waivedReason}>
            waived: {effect.waivedReason}
          </span>
        ) : effect.lastError ? (
          <TwoLines title={effect.lastError.message} first={effect.lastError.message} second={<code>{effect.lastError.code}</code>} />
        ) : (
          <span className="text-ink3">none</span>
        ),
    },
    {
      id: 'next',
      head: 'Next try',
      width: '8.5rem',
      hide: 'narrow',
      cell: (effect) =>
        effect.state === 'owed' ? (
          <TwoLines first={effect.nextRetryAt ? <Time at={effect.nextRetryAt} /> : 'when its cause ends'} second={`tried ${effect.attempts} times`} />
        ) : (
          <span className="text-ink3">none</span>
        ),
    },
    { id: 'age', head: 'Age', width: '6.5rem', align: 'right', hide: 'narrow', cell: (effect) => <Age at={effect.createdAt} /> },
    {
      id: 'actions',
      head: <span className="sr-only">Actions</span>,
      width: '8.5rem',
      align: 'right',
      cell: (effect) =>
        effect.state === 'owed' ? (
          <span className="inline-flex items-center gap-1">
            <Button
              size="sm"
              icon={RefreshCw}
              denied={denied('operator')}
              busy={retry.isPending && retry.variables?.id === effect.id}
              aria-label={`Retry ${effect.kind} ${effect.key}`}
              onClick={() => retry.mutate({ id: effect.id })}
            >
              Retry
            </Button>
            <ActionMenu
              label={`More for ${effect.kind} ${effect.key}`}
              actions={[{ label: 'Waive', icon: Trash2, danger: true, denied: denied('operator'), onSelect: () => setWaiving(effect) }]}
            />
          </span>
        ) : null,
    },
  ];
  return (
    <div className="flex min-h-0 flex-1 flex-col" {...held.holder}>
      <ListFrame
        loading={list.loading}
        problem={list.error ? problemOf(list.error) : null}
        onRetry={() => void list.refetch()}
        stale={list.stale}
        waiting={held.waiting}
        onShowWaiting={held.release}
      >
        <DataTable
          label={label}
          columns={columns}
          rows={held.rows}
          rowKey={keyOf}
          href={hrefOf}
          lines={2}
          onEnd={list.onEnd}
          more={list.more}
          empty={empty}
          className="flex-1 max-md:max-h-[75dvh]"
        />
      </ListFrame>
      {waiving ? (
        <ConfirmSheet
          open
          onClose={() => {
            setWaiving(null);
            waive.reset();
          }}
          title={`Waive ${waiving.kind} ${waiving.key}`}
          facts={
            <>
              <p>Tenon will not try to release it again. What it stands for stays where it is until somebody takes it away by hand.</p>
              {waiving.lastError ? (
                <p>
                  Last error: <code>{waiving.lastError.code}</code> {waiving.lastError.message}
                </p>
              ) : null}
            </>
          }
          confirm="Waive effect"
          danger
          reason="required"
          busy={waive.isPending}
          problem={waive.error ? <ProblemNote problem={problemOf(waive.error)} /> : null}
          onConfirm={(reason) => waive.mutate({ id: waiving.id, reason })}
        />
      ) : null}
    </div>
  );
}
