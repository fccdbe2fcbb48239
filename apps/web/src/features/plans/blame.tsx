'use client';
import { useQuery } from '@tanstack/react-query';
import type { BlameView } from '@tenon/contract';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Author } from '../../ui/author.tsx';
import { TextLink } from '../../ui/button.tsx';
import { KeyValues, Skeleton } from '../../ui/panel.tsx';
import { isWithin } from '../../ui/pointer.ts';
import { ProblemNote } from '../../ui/problem.tsx';
import { HiddenMark } from './change/hidden.tsx';
import { valueText } from './change/model.ts';
import type { PlanContext } from './plan-context.ts';

/** Who set one field, why, and what it was before. */
export function Blame({ context, path }: { readonly context: PlanContext; readonly path: string }) {
  return context.sandboxId === null ? <DryBlame context={context} path={path} /> : <LiveBlame context={context} sandboxId={context.sandboxId} path={path} />;
}

function LiveBlame({ context, sandboxId, path }: { readonly context: PlanContext; readonly sandboxId: string; readonly path: string }) {
  const trpc = useTRPC();
  const blame = useQuery(trpc.sandboxes.blame.queryOptions({ id: sandboxId, path }));
  if (blame.error) return <ProblemNote problem={problemOf(blame.error)} onRetry={() => void blame.refetch()} />;
  if (!blame.data) return <Skeleton rows={2} />;
  const { owner, history } = blame.data;
  const by = attemptOf(context, owner);
  return (
    <>
      <KeyValues
        rows={[
          [
            'Owner',
            <span key="o" className="inline-flex flex-wrap items-center gap-1">
              <Author kind={owner.kind} name={owner.name} place={context.placeOf(owner.name)} />
              {owner.revision}
              {owner.phase ? (
                <>
                  in <code>{owner.phase}</code>
                </>
              ) : null}
            </span>,
          ],
          history.at(-1)?.reason ? ['Reason', history.at(-1)?.reason] : null,
        ]}
      />
      <History history={history} path={path} />
      {by ? (
        <p className="mt-2">
          <TextLink href={`/runs/${encodeURIComponent(by.run)}?attempt=${encodeURIComponent(by.attempt)}`}>Open the attempt</TextLink>
        </p>
      ) : null}
    </>
  );
}

function attemptOf(context: PlanContext, owner: BlameView['owner']): { readonly run: string; readonly attempt: string } | null {
  const attempt = context.attempts.findLast((each) => each.extension === owner.name && each.phase === owner.phase && each.outcome === 'changed');
  return context.runId !== null && attempt ? { run: context.runId, attempt: attempt.id } : null;
}

function History({ history, path }: { readonly history: BlameView['history']; readonly path: string }) {
  return (
    <ol className="mt-2 grid gap-1 border-t border-hairline pt-2 text-sm">
      {history.map((entry, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the history of a field is append-only and in order
        <li key={index} className="grid grid-cols-[2rem_minmax(0,1fr)] gap-2">
          <span className="text-ink3">{index === 0 ? 'r0' : entry.op}</span>
          <span className="wrap-anywhere">
            {entry.kind === 'extension' ? entry.name : entry.kind}{' '}
            {entry.redacted ? <HiddenMark /> : <code>{entry.op === 'remove' ? 'removed' : valueText(path, entry.after)}</code>}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** A dry run has no sandbox to ask: its own change lists answer. */
function DryBlame({ context, path }: { readonly context: PlanContext; readonly path: string }) {
  const changes = context.plan.revisions
    .flatMap((revision) => revision.changes.map((change) => ({ change, at: revision.number })))
    .filter(({ change }) => isWithin(change.path, path) || isWithin(path, change.path));
  if (changes.length === 0) return <p className="text-ink2">No extension changes it: it stands as the request and the driver gave it.</p>;
  return (
    <ol className="grid gap-1 text-sm">
      {changes.map(({ change, at }) => (
        <li key={`${at} ${change.path}`} className="grid grid-cols-[2rem_minmax(0,1fr)] gap-2">
          <span className="text-ink3">r{at}</span>
          <span className="wrap-anywhere">
            {change.by?.extension} in <code>{change.by?.phase}</code>:{' '}
            {change.redacted ? <HiddenMark /> : <code>{change.op === 'remove' ? 'removed' : valueText(change.path, change.after)}</code>}
            {change.reason ? <span className="block text-ink2">{change.reason}</span> : null}
          </span>
        </li>
      ))}
    </ol>
  );
}
