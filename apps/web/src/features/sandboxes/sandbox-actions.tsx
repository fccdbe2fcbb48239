'use client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { SandboxView } from '@tenon/contract';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { ConfirmSheet } from '../../ui/dialog.tsx';
import { CheckField } from '../../ui/field.tsx';
import { plural } from '../../ui/format.ts';
import type { MenuAction } from '../../ui/menu-action.ts';
import { ProblemNote } from '../../ui/problem.tsx';
import { sayDone } from '../../ui/toast.tsx';
import { useDenied } from '../session/index.ts';

export type SandboxAction = 'start' | 'stop' | 'remove';

/** Why a state does not allow an action; null where it does. */
export function stateDenies(sandbox: Pick<SandboxView, 'state'>, action: SandboxAction): string | null {
  const { state } = sandbox;
  if (state === 'deleted') return 'It is deleted.';
  if (action === 'start' && state !== 'stopped') return `It is ${state}: only a stopped sandbox can be started.`;
  if (action === 'stop' && !['running', 'ready', 'starting'].includes(state)) return `It is ${state}: there is nothing to stop.`;
  return null;
}

/** What can be done with a sandbox, each with why it cannot. */
export function useSandboxActions() {
  const denied = useDenied();
  const [asked, setAsked] = useState<{ readonly sandbox: SandboxView; readonly action: SandboxAction } | null>(null);
  const actionsOf = (sandbox: SandboxView): readonly (MenuAction & { readonly action: SandboxAction })[] => {
    const why = (action: SandboxAction) => denied('operator', sandbox.workspace) ?? stateDenies(sandbox, action);
    const ask = (action: SandboxAction) => () => setAsked({ sandbox, action });
    return [
      { action: 'start', label: 'Start', denied: why('start'), onSelect: ask('start') },
      { action: 'stop', label: 'Stop', denied: why('stop'), onSelect: ask('stop') },
      { action: 'remove', label: 'Delete', danger: true, denied: why('remove'), onSelect: ask('remove') },
    ];
  };
  const dialog = asked ? (
    <ActionSheet key={`${asked.sandbox.id} ${asked.action}`} sandbox={asked.sandbox} action={asked.action} onClose={() => setAsked(null)} />
  ) : null;
  return { actionsOf, dialog };
}

function ActionSheet({ sandbox, action, onClose }: { readonly sandbox: SandboxView; readonly action: SandboxAction; readonly onClose: () => void }) {
  const trpc = useTRPC();
  const router = useRouter();
  const queries = useQueryClient();
  const [force, setForce] = useState(false);
  const settled = {
    onSuccess: async ({ run }: { readonly run: { readonly id: string } }) => {
      sayDone(`${words.done} ${sandbox.name}`);
      onClose();
      await queries.invalidateQueries(trpc.sandboxes.pathFilter());
      if (action !== 'remove') return;
      router.push(`/runs/${encodeURIComponent(run.id)}`);
    },
  };
  const start = useMutation(trpc.sandboxes.start.mutationOptions(settled));
  const stop = useMutation(trpc.sandboxes.stop.mutationOptions(settled));
  const remove = useMutation(trpc.sandboxes.remove.mutationOptions(settled));
  const words = {
    start: { title: `Start ${sandbox.name}`, confirm: 'Start sandbox', done: 'Starting', busy: start },
    stop: { title: `Stop ${sandbox.name}`, confirm: 'Stop sandbox', done: 'Stopping', busy: stop },
    remove: { title: `Delete ${sandbox.name}`, confirm: force ? 'Force delete' : 'Delete sandbox', done: 'Deleting', busy: remove },
  }[action];
  const run = (reason: string) => {
    if (action === 'start') start.mutate({ id: sandbox.id });
    else if (action === 'stop') stop.mutate({ id: sandbox.id });
    else remove.mutate({ id: sandbox.id, force, ...(reason === '' ? {} : { reason }) });
  };
  return (
    <ConfirmSheet
      open
      onClose={onClose}
      title={words.title}
      facts={
        action === 'start' ? (
          <p>It starts from the plan as it was sealed; the hooks of its frozen activation record run again.</p>
        ) : action === 'stop' ? (
          <p>Its extensions are told, the workload ends, and what belongs to this start is released. Its storage stays.</p>
        ) : (
          <p>
            Its extensions are asked and told, the driver deletes it, and everything made for it is released.
            {sandbox.owed > 0 ? ` ${plural(sandbox.owed, 'effect')} of it ${sandbox.owed === 1 ? 'is' : 'are'} still owed and will be tried again.` : ''}
          </p>
        )
      }
      extra={
        action === 'remove' ? (
          <CheckField
            label="Force: go on where an extension denies or the driver does not confirm"
            hint="What cannot be released becomes owed. A reason is required."
            checked={force}
            onChange={(event) => setForce(event.target.checked)}
          />
        ) : null
      }
      confirm={words.confirm}
      danger={action === 'remove'}
      reason={action === 'remove' ? (force ? 'required' : 'optional') : 'none'}
      busy={words.busy.isPending}
      problem={words.busy.error ? <ProblemNote problem={problemOf(words.busy.error)} /> : null}
      onConfirm={run}
    />
  );
}
