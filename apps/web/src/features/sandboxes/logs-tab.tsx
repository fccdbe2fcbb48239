'use client';
import { useQuery } from '@tanstack/react-query';
import type { SandboxView } from '@tenon/contract';
import { useEffect, useRef, useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { CheckField, Picker } from '../../ui/field.tsx';
import { Empty, Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';

const tails = [100, 200, 1000, 10_000].map((tail) => ({ value: String(tail), label: `${tail} lines` }));

/** The workload's log, read again every two seconds while it is followed. */
export function LogsTab({ sandbox }: { readonly sandbox: SandboxView }) {
  const trpc = useTRPC();
  const [tail, setTail] = useState(200);
  const [follow, setFollow] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  const moving = follow && (sandbox.state === 'ready' || sandbox.state === 'running' || sandbox.state === 'starting' || sandbox.state === 'creating');
  const logs = useQuery({
    ...trpc.sandboxes.logs.queryOptions({ id: sandbox.id, tail }),
    refetchInterval: moving ? 2000 : false,
    placeholderData: (old) => old,
  });
  const text = logs.data?.text ?? '';
  useEffect(() => {
    if (follow && text !== '' && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [follow, text]);
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-3 border-b border-hairline px-3 py-1.5 md:px-6">
        <Picker label="Last" choices={tails} value={String(tail)} onChange={(event) => setTail(Number(event.target.value))} />
        <CheckField label="Follow" checked={follow} onChange={(event) => setFollow(event.target.checked)} />
      </div>
      {logs.error ? <ProblemNote className="m-3 md:mx-6" problem={problemOf(logs.error)} onRetry={() => void logs.refetch()} /> : null}
      {logs.isPending ? (
        <Skeleton />
      ) : text === '' ? (
        logs.error ? null : (
          <Empty>It has written nothing to its log.</Empty>
        )
      ) : (
        <div
          ref={box}
          role="log"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
          tabIndex={0}
          aria-label={`Log of ${sandbox.name}`}
          className="min-h-0 flex-1 overflow-auto bg-sunken px-3 py-2 focus-inside max-md:max-h-[70dvh] md:px-6"
        >
          <pre className="whitespace-pre-wrap wrap-anywhere">{text}</pre>
        </div>
      )}
    </div>
  );
}
