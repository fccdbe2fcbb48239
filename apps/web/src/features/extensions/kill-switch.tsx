'use client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ExtensionView } from '@tenon/contract';
import { useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { ConfirmSheet } from '../../ui/dialog.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { sayDone } from '../../ui/toast.tsx';
import { INSTALLATION, useDenied } from '../session/index.ts';

/** The kill switch never loses a race: it carries no version. */
export function KillSwitchButton({ extension }: { readonly extension: ExtensionView }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const denied = useDenied()('operator', INSTALLATION);
  const [open, setOpen] = useState(false);
  const { on } = extension.killSwitch;
  const flip = useMutation(
    trpc.extensions.setKillSwitch.mutationOptions({
      onSuccess: async () => {
        setOpen(false);
        sayDone(on ? `${extension.name} may be called again` : `${extension.name} is killed`);
        await queries.invalidateQueries(trpc.extensions.pathFilter());
      },
    }),
  );
  const action = on ? 'Turn kill switch off' : 'Turn kill switch on';
  return (
    <>
      <Button look={on ? 'plain' : 'danger'} denied={denied} onClick={() => setOpen(true)}>
        {action}
      </Button>
      {open ? (
        <ConfirmSheet
          open
          onClose={() => {
            setOpen(false);
            flip.reset();
          }}
          title={`${action} for ${extension.name}`}
          facts={
            on ? (
              <p>Its hooks are called again, and what it owes is retried at once.</p>
            ) : (
              <>
                <p>Calls in flight are aborted. No hook and no release of it is called any more, unwinding included.</p>
                <p>
                  Creates and starts that require it fail with killed; others skip it and say so. Stop and delete go on without it. What it made stays, and
                  becomes owed when its release falls due.
                </p>
              </>
            )
          }
          confirm={action}
          danger={!on}
          reason="required"
          busy={flip.isPending}
          problem={flip.error ? <ProblemNote problem={problemOf(flip.error)} /> : null}
          onConfirm={(reason) => flip.mutate({ name: extension.name, on: !on, reason })}
        />
      ) : null}
    </>
  );
}
