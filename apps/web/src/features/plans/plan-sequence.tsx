import { ArrowRight, Lock } from 'lucide-react';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { cx } from '../../ui/cx.ts';
import { plural } from '../../ui/format.ts';
import { outcomeLook, State } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';
import { Changes, RefusedChange } from './change/change.tsx';
import { refusalModel } from './change/model.ts';
import { countLeaves, ownerOf } from './field-tree.ts';
import type { PlanContext } from './plan-context.ts';
import { rewind } from './rewind.ts';
import { planSequence, type SequenceItem } from './sequence.ts';

type Mark = 'plain' | 'changed' | 'bad' | 'shadow' | 'seal';

const marks: Record<Mark, string> = {
  plain: 'text-ink2 shadow-[0_0_0_1.5px_var(--color-edge),0_0_0_4px_var(--color-surface)] bg-surface',
  changed: 'text-changed bg-changed-soft shadow-[0_0_0_1.5px_var(--color-changed-fill),0_0_0_4px_var(--color-surface)]',
  bad: 'text-bad bg-bad-soft shadow-[0_0_0_1.5px_var(--color-bad-fill),0_0_0_4px_var(--color-surface)]',
  shadow: 'text-changed bg-surface border-[1.5px] border-dashed border-changed-fill shadow-[0_0_0_4px_var(--color-surface)]',
  seal: 'bg-ink text-surface shadow-[0_0_0_4px_var(--color-surface)]',
};

function Step({ mark, sign, head, children }: { readonly mark: Mark; readonly sign: ReactNode; readonly head: ReactNode; readonly children?: ReactNode }) {
  return (
    <li className="relative grid grid-cols-[1.25rem_minmax(0,1fr)] gap-x-3 pb-2">
      <span aria-hidden className={cx('relative z-1 mt-0.5 grid size-5 place-items-center rounded-[5px] text-xs leading-none font-semibold', marks[mark])}>
        {sign}
      </span>
      <div className="min-w-0">
        <div className="flex min-h-6 flex-wrap items-center gap-x-2">{head}</div>
        {children}
      </div>
    </li>
  );
}

/** From the request to the sealed plan: every extension's changes in the order in which they were made. */
export function PlanSequence({ context }: { readonly context: PlanContext }) {
  const { plan, attempts } = context;
  const items = planSequence(plan, attempts);
  const all = plan.revisions.flatMap((revision) => revision.changes);
  const refused = items.filter((item) => item.kind === 'refused').length;
  const authors = new Set(all.flatMap(({ by }) => (by ? [by.extension] : []))).size;
  let phase: string | null = null;
  return (
    <section aria-label="Changes in order" className="min-w-0">
      <header className="flex h-9 items-center gap-2 border-b border-hairline px-3 md:pr-4 md:pl-6">
        <h2 className="font-semibold whitespace-nowrap">Changes in order</h2>
        <span className="flex-1" />
        <span className="truncate text-sm text-ink3">
          {plural(all.length, 'change')} by {plural(authors, 'extension')}
          {refused > 0 ? `, ${plural(refused, 'hook')} refused` : ''}
        </span>
      </header>
      <ol className="relative px-3 pt-3 pb-5 before:absolute before:top-5 before:bottom-8 before:left-[1.3rem] before:w-0.5 before:bg-rule md:pr-4 md:pl-6 md:before:left-[2.05rem]">
        {items.map((item) => {
          const enters = item.phase !== null && item.phase !== phase;
          phase = item.phase ?? phase;
          return [
            enters ? (
              <li key={`phase ${item.id}`} className="relative my-1 ml-8 flex items-center gap-2 text-xs text-ink3 after:h-px after:flex-1 after:bg-hairline">
                <code className="text-xs text-ink2">{item.phase}</code>
              </li>
            ) : null,
            <Item key={item.id} item={item} context={context} />,
          ];
        })}
        {plan.pending.length > 0 ? (
          <Step mark="plain" sign="…" head={<b className="font-semibold">Filled by an effect later</b>}>
            <p className="text-sm text-ink2">
              {plan.pending.map((point) => (
                <code key={point} className="mr-2">
                  {point}
                </code>
              ))}
            </p>
          </Step>
        ) : null}
      </ol>
    </section>
  );
}

function Item({ item, context }: { readonly item: SequenceItem; readonly context: PlanContext }) {
  const { plan, points, placeOf, runId } = context;
  switch (item.kind) {
    case 'requested': {
      const start = rewind(
        plan.value,
        plan.revisions.flatMap((revision) => revision.changes),
        points,
      );
      return (
        <Step
          mark="plain"
          sign="0"
          head={
            <>
              <h3 className="font-semibold">Requested</h3>
              <span className="text-ink2">
                {plural(countLeaves(start), 'field')} from the request and the {plan.driver} driver
              </span>
              <span className="ml-auto text-sm text-ink3">r0</span>
            </>
          }
        />
      );
    }
    case 'changed':
      return (
        <Step
          mark="changed"
          sign={placeOf(item.extension) ?? '·'}
          head={
            <>
              <Who item={item} runId={runId} attemptId={item.attemptId} />
              <State look={outcomeLook.changed}>{plural(item.changes.length, 'change')}</State>
              <span className="ml-auto inline-flex items-center gap-1 text-sm whitespace-nowrap text-ink3">
                r{item.from} <ArrowRight aria-label="to" size={12} /> r{item.to}
              </span>
            </>
          }
        >
          <Changes changes={item.changes} points={points} />
          {item.reason ? <p className="text-sm text-ink2">{item.reason}</p> : null}
        </Step>
      );
    case 'refused':
      return (
        <Step
          mark="bad"
          sign={placeOf(item.extension) ?? '·'}
          head={
            <>
              <Who item={item} runId={runId} attemptId={item.attempt.id} />
              <State look={outcomeLook[item.attempt.outcome]} />
              <span className="ml-auto text-sm text-ink3">r{item.kept} kept</span>
            </>
          }
        >
          {item.attempt.error ? (
            <RefusedChange error={withOwner(item.attempt.error, context)} by={item.extension} placeOf={placeOf} note="Nothing of this hook was applied." />
          ) : null}
        </Step>
      );
    case 'shadow':
      return (
        <Step
          mark="shadow"
          sign={placeOf(item.extension) ?? '·'}
          head={
            <>
              <Who item={item} runId={runId} attemptId={item.attempt.id} />
              <State look={item.attempt.error ? outcomeLook.failed : outcomeLook.shadowed}>
                {item.attempt.error ? 'would have failed' : `would change ${item.attempt.changes.length}`}
              </State>
              <span className="ml-auto">
                <State look={outcomeLook.shadowed} className="text-sm">
                  shadow
                </State>
              </span>
            </>
          }
        >
          <Changes changes={item.attempt.changes} points={points} would />
          {item.attempt.error ? (
            <RefusedChange
              error={withOwner(item.attempt.error, context)}
              by={item.extension}
              placeOf={placeOf}
              note="In shadow, so nothing was applied. In enforce this create would fail."
            />
          ) : null}
        </Step>
      );
    case 'sealed':
      return (
        <Step
          mark="seal"
          sign={<Lock size={12} strokeWidth={2} />}
          head={
            <>
              <h3 className="font-semibold">Sealed</h3>
              <span className="text-ink3">r{item.number}</span>
              <code className="truncate text-ink2" title={plan.digest}>
                sha256:{plan.digest.slice(0, 12)}
              </code>
              {plan.sealedAt ? <Time at={plan.sealedAt} precise className="ml-auto text-sm text-ink3" /> : null}
            </>
          }
        />
      );
  }
}

function Who({
  item,
  runId,
  attemptId,
}: {
  readonly item: { readonly extension: string; readonly version: string | null };
  readonly runId: string | null;
  readonly attemptId: string | null;
}) {
  return (
    <>
      <h3 className="font-semibold">
        {runId !== null && attemptId !== null ? (
          <Link href={`/runs/${encodeURIComponent(runId)}?attempt=${encodeURIComponent(attemptId)}`} className="hover:underline" title="Open the attempt">
            {item.extension}
          </Link>
        ) : (
          item.extension
        )}
      </h3>
      {item.version ? <span className="text-ink3">{item.version}</span> : null}
    </>
  );
}

/** An attempt's error names no owner: the change lists tell whose field it was. */
function withOwner(error: { readonly code: string; readonly message: string }, context: PlanContext) {
  const { path } = refusalModel(error);
  if (error.code !== 'field_conflict' || path === null) return error;
  const changes = context.plan.revisions.flatMap((revision) => revision.changes.map((change) => ({ change, at: revision.number })));
  const owner = ownerOf(path, changes, []);
  return { ...error, path, conflictsWith: owner.kind === 'extension' ? owner.name : undefined };
}
