'use client';
import { useKeys } from '../../../shell/keys.ts';
import { copyText } from '../../../ui/copy.tsx';
import { sayDone } from '../../../ui/toast.tsx';

/** The keys of the trace: next and previous failure, and the link that restores the view. */
export function useTraceKeys(toFailure: (step: 1 | -1) => void): void {
  useKeys([
    { key: 'n', does: 'Next failure', run: () => toFailure(1) },
    { key: 'N', does: 'Previous failure', run: () => toFailure(-1) },
    {
      key: 'c',
      does: 'Copy the link to this view',
      run: () =>
        void copyText(location.href).then((done) => {
          if (done) sayDone('Link copied', 'It restores attempt, filter, folds and zoom, also after signing in.');
        }),
    },
  ]);
}
