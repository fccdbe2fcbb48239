'use client';
import { OctagonX, RefreshCw } from 'lucide-react';
import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import { ErrorCode } from './code.tsx';
import { cx } from './cx.ts';

/** What a failed call says: what happened, its stable code, the way out, and the id to ask about. */
export interface ShownProblem {
  readonly title: string;
  readonly code: string;
  readonly detail: string;
  readonly hint?: string | undefined;
  readonly requestId?: string | undefined;
}

export function ProblemNote({
  problem,
  onRetry,
  className,
  children,
}: {
  readonly problem: ShownProblem;
  readonly onRetry?: (() => void) | undefined;
  readonly className?: string;
  readonly children?: ReactNode;
}) {
  return (
    <div role="alert" className={cx('flex items-start gap-3 rounded-md border border-l-3 border-bad-rule border-l-bad-fill bg-bad-soft px-3 py-2', className)}>
      <OctagonX aria-hidden size={16} strokeWidth={1.5} className="mt-0.5 shrink-0 text-bad" />
      <div className="min-w-0 flex-1 wrap-anywhere">
        <p className="font-semibold">
          {problem.title} <ErrorCode>{problem.code}</ErrorCode>
        </p>
        <p>{problem.detail}</p>
        {problem.hint ? <p className="text-ink2">{problem.hint}</p> : null}
        {children}
        {problem.requestId ? (
          <p className="mt-0.5 text-sm text-ink2">
            Request <code className="select-all">{problem.requestId}</code>
          </p>
        ) : null}
      </div>
      {onRetry ? (
        <Button size="sm" icon={RefreshCw} onClick={onRetry}>
          Retry
        </Button>
      ) : null}
    </div>
  );
}
