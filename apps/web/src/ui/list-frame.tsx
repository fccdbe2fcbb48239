'use client';
import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import { plural } from './format.ts';
import { Skeleton } from './panel.tsx';
import { ProblemNote, type ShownProblem } from './problem.tsx';

interface ListFrameProps {
  readonly loading: boolean;
  readonly problem: ShownProblem | null;
  readonly onRetry: () => void;
  /** Rows are on screen although the last read failed. */
  readonly stale: boolean;
  readonly waiting?: number;
  readonly onShowWaiting?: () => void;
  readonly children: ReactNode;
}

/** What surrounds a list: its loading rows, its failure with the last good data below it, and what waits to be shown. */
export function ListFrame({ loading, problem, onRetry, stale, waiting = 0, onShowWaiting, children }: ListFrameProps) {
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      {problem ? (
        <div className="p-3">
          <ProblemNote problem={problem} onRetry={onRetry}>
            {stale ? <p className="text-ink2">What is shown below is the last that was read.</p> : null}
          </ProblemNote>
        </div>
      ) : null}
      {waiting > 0 ? (
        <div className="flex justify-center border-b border-hairline bg-accent-soft py-1">
          <Button size="sm" look="quiet" {...(onShowWaiting ? { onClick: onShowWaiting } : {})}>
            Show {plural(waiting, 'new row')}
          </Button>
        </div>
      ) : null}
      {loading ? <Skeleton /> : problem && !stale ? null : children}
    </div>
  );
}
