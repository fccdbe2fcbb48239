'use client';
import { useQuery } from '@tanstack/react-query';
import type { AttemptView, EffectView, RunView } from '@tenon/contract';
import { Diamond } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTRPC } from '../../../api/client.ts';
import { problemOf } from '../../../api/problem.ts';
import { Place } from '../../../ui/author.tsx';
import { TextLink } from '../../../ui/button.tsx';
import { ErrorCode } from '../../../ui/code.tsx';
import { cx } from '../../../ui/cx.ts';
import { Segmented } from '../../../ui/field.tsx';
import { formatDuration, plural } from '../../../ui/format.ts';
import { KeyValues, Meta } from '../../../ui/panel.tsx';
import { ProblemNote } from '../../../ui/problem.tsx';
import { Chip, effectLook, outcomeLook, State } from '../../../ui/state.tsx';
import { Time } from '../../../ui/time.tsx';
import { Changes, RefusedChange } from '../../plans/index.ts';
import { runHref } from '../words.ts';
import { settles, type Trace, verbOf } from './tree.ts';

interface AttemptPanelProps {
  readonly run: RunView;
  readonly trace: Trace;
  readonly attempt: AttemptView;
  /** All tries of the same call, in order. */
  readonly tries: readonly AttemptView[];
  readonly onGoTo: (attemptId: string) => void;
  readonly placeOf: (extension: string) => number | undefined;
}

/** One attempt: what it changed, made, said and why it failed. Its body is read when it is shown. */
export function AttemptPanel({ run, trace, attempt: inline, tries, onGoTo, placeOf }: AttemptPanelProps) {
  const trpc = useTRPC();
  const whole = useQuery(trpc.runs.attempt.queryOptions({ id: inline.id }));
  const attempt = whole.data ?? inline;
  const effects = attempt.effects.flatMap((id) => run.effects.find((effect) => effect.id === id) ?? []);
  const name = attempt.extension ?? `${run.driver}: ${verbOf(attempt)}`;
  return (
    <aside aria-label="Attempt" className="min-h-0 overflow-y-auto border-hairline bg-surface max-lg:border-t">
      <header className="sticky top-0 z-10 border-b border-hairline bg-surface px-4 py-3">
        <div className="flex items-center gap-2">
          {attempt.extension === null ? null : <Place of={placeOf(attempt.extension)} />}
          <h2 className="min-w-0 truncate text-lg font-semibold">{name}</h2>
          <span className="text-ink3">{attempt.revision}</span>
          <span className="flex-1" />
          <Chip look={outcomeLook[attempt.outcome]}>
            {attempt.outcome === 'changed' ? `Changed ${attempt.changeCount}` : capital(outcomeLook[attempt.outcome].word)}
          </Chip>
        </div>
        <Meta
          items={[
            attempt.phase === null ? attempt.kind : <code key="p">{attempt.phase}</code>,
            `attempt ${attempt.number}${tries.length > 1 ? ` of ${tries.length}` : ''}`,
            <Time key="t" at={attempt.startedAt} precise />,
            formatDuration(attempt.durationMs),
          ]}
        />
        {tries.length > 1 ? (
          <div className="mt-2">
            <Segmented
              label="Attempts"
              value={attempt.id}
              segments={tries.map((each) => ({
                value: each.id,
                label: `${each.number} · ${formatDuration(each.durationMs)}`,
                icon: outcomeLook[each.outcome].icon,
              }))}
              onChange={onGoTo}
            />
          </div>
        ) : null}
      </header>
      {whole.error ? <ProblemNote className="m-3" problem={problemOf(whole.error)} onRetry={() => void whole.refetch()} /> : null}
      <ErrorSection run={run} attempt={attempt} placeOf={placeOf} />
      {attempt.reason && attempt.error === null ? (
        <Part title={attempt.outcome === 'skipped' ? 'Why it was skipped' : 'Why'}>
          <p>{attempt.reason}</p>
        </Part>
      ) : null}
      {attempt.message && attempt.error === null && attempt.kind === 'hook' ? (
        <Part title="Message">
          <p>{attempt.message}</p>
        </Part>
      ) : null}
      {attempt.kind === 'hook' ? <ChangesSection run={run} attempt={attempt} /> : null}
      <EffectsSection attempt={attempt} effects={effects} trace={trace} runId={run.id} onGoTo={onGoTo} />
      {attempt.warnings.length > 0 ? (
        <Part title="Warnings" note={String(attempt.warnings.length)}>
          <ul className="grid gap-1">
            {attempt.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Part>
      ) : null}
      <LogsSection attempt={attempt} />
      <Part title="Identity">
        <KeyValues
          rows={[
            [
              'Attempt',
              <code key="a" className="select-all">
                {attempt.id}
              </code>,
            ],
            [
              'Run',
              <code key="r" className="select-all">
                {run.id}
              </code>,
            ],
            [
              'Trace',
              <code key="t" className="select-all">
                {run.traceId}
              </code>,
            ],
            [
              'Span',
              <code key="s" className="select-all">
                {attempt.spanId}
              </code>,
            ],
            [
              'Request',
              <code key="q" className="select-all">
                {run.requestId}
              </code>,
            ],
          ]}
        />
      </Part>
    </aside>
  );
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function Part({ title, note, children }: { readonly title: string; readonly note?: string | undefined; readonly children: ReactNode }) {
  return (
    <section className="border-b border-hairline px-4 py-3 wrap-anywhere">
      <h3 className="mb-1.5 font-semibold">
        {title}
        {note ? <span className="ml-2 text-sm font-normal text-ink3">{note}</span> : null}
      </h3>
      {children}
    </section>
  );
}

function ErrorSection({
  run,
  attempt,
  placeOf,
}: {
  readonly run: RunView;
  readonly attempt: AttemptView;
  readonly placeOf: (extension: string) => number | undefined;
}) {
  const { error } = attempt;
  if (error === null) return null;
  const first = run.firstError?.attemptId === attempt.id ? run.firstError : null;
  const refusal = error.code === 'field_conflict' || error.code === 'reserved_field' || error.code === 'point_closed';
  return (
    <section className="border-b border-hairline px-4 py-3 wrap-anywhere">
      <div className="mb-1.5 flex items-center gap-2">
        <h3 className="font-semibold">Error</h3>
        <span className="flex-1" />
        <ErrorCode>{error.code}</ErrorCode>
      </div>
      {refusal ? (
        <RefusedChange
          error={{ ...error, path: first?.path, conflictsWith: first?.conflictsWith }}
          by={attempt.extension}
          placeOf={placeOf}
          note="None of this hook's changes was applied."
        />
      ) : (
        <p>{error.message}</p>
      )}
      {error.hookCode ? (
        <p className="mt-1 text-ink2">
          The hook's own code: <code>{error.hookCode}</code>
        </p>
      ) : null}
      {first?.hint ? <p className="mt-1 text-ink2">{first.hint}</p> : null}
      <p className="mt-1.5">
        <TextLink href={`/runs?code=${error.code}${attempt.extension === null ? '' : `&extension=${encodeURIComponent(attempt.extension)}`}`}>
          Runs with this error
        </TextLink>
      </p>
    </section>
  );
}

function ChangesSection({ run, attempt }: { readonly run: RunView; readonly attempt: AttemptView }) {
  const would = attempt.outcome === 'shadowed';
  if (attempt.changes.length === 0) {
    return (
      <Part title="Plan change" note="none">
        <p className="text-ink2">{attempt.error === null ? 'It left the plan as it found it.' : 'A hook that fails changes nothing.'}</p>
      </Part>
    );
  }
  return (
    <Part title={would ? 'Would have changed' : 'Plan change'} note={plural(attempt.changes.length, 'change')}>
      <Changes changes={attempt.changes} would={would} />
      {run.sandboxId === null ? null : (
        <p className="mt-1.5">
          <TextLink href={`/sandboxes/${encodeURIComponent(run.sandboxId)}?tab=plan`}>Open the plan</TextLink>
        </p>
      )}
    </Part>
  );
}

interface EffectsProps {
  readonly attempt: AttemptView;
  readonly effects: readonly EffectView[];
  readonly trace: Trace;
  readonly runId: string;
  readonly onGoTo: (attemptId: string) => void;
}

function EffectsSection({ attempt, effects, trace, runId, onGoTo }: EffectsProps) {
  const undoing = settles(attempt);
  const link = 'text-accent underline decoration-accent-rule underline-offset-2';
  if (effects.length === 0 && attempt.wouldBeEffects.length === 0) return null;
  return (
    <Part
      title={undoing ? 'Releases' : 'Effects'}
      note={effects.length > 0 ? `${effects.length} ${undoing ? 'released or tried' : 'made'}` : 'would have been made'}
    >
      <ul className="grid gap-2">
        {effects.map((effect) => {
          const maker = effect.attemptId ?? trace.makerOf.get(effect.id);
          const release = trace.releasesOf.get(effect.id)?.at(-1);
          return (
            <li key={effect.id} className="grid grid-cols-[1rem_minmax(0,1fr)_auto] items-center gap-x-2">
              <Diamond aria-hidden size={14} strokeWidth={1.5} className={effect.state === 'owed' ? 'text-owed' : 'text-undo'} />
              <code className="truncate" title={`${effect.kind} ${effect.key}`}>
                {effect.kind} {effect.key}
              </code>
              <State look={effectLook[effect.state]} className="text-sm" />
              <p className="col-start-2 col-end-4 text-sm text-ink2">
                scope {effect.scope}
                {undoing ? null : release ? (
                  <>
                    {', '}
                    <button type="button" className={link} onClick={() => onGoTo(release)}>
                      {effect.state === 'owed' ? 'release failed' : 'its release'}
                    </button>
                  </>
                ) : null}
                {undoing && maker ? (
                  <>
                    {', made by '}
                    {trace.rowOf.has(maker) ? (
                      <button type="button" className={link} onClick={() => onGoTo(maker)}>
                        {effect.extension ?? 'the driver'}
                        {effect.phase ? ` in ${effect.phase}` : ''}
                      </button>
                    ) : (
                      <TextLink href={runHref(effect.runId, maker)}>{effect.runId === runId ? (effect.extension ?? 'the driver') : 'an earlier run'}</TextLink>
                    )}
                  </>
                ) : null}
                {effect.lastError ? `. ${effect.lastError.code}: ${effect.lastError.message}` : ''}
                {effect.nextRetryAt && effect.state === 'owed' ? (
                  <>
                    . Next try <Time at={effect.nextRetryAt} />
                  </>
                ) : null}
              </p>
            </li>
          );
        })}
        {attempt.wouldBeEffects.map((text) => (
          <li key={text} className="flex items-center gap-2 text-changed">
            <Diamond aria-hidden size={14} strokeWidth={1.5} />
            <code>{text}</code>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function LogsSection({ attempt }: { readonly attempt: AttemptView }) {
  const start = Date.parse(attempt.startedAt);
  if (attempt.logs.length === 0) {
    return attempt.kind === 'hook' ? (
      <Part title="Logs" note="none">
        <p className="text-ink2">The hook wrote no log line.</p>
      </Part>
    ) : null;
  }
  const tone: Record<string, string> = { warn: 'text-owed', error: 'text-bad font-semibold' };
  return (
    <Part title="Logs" note={plural(attempt.logs.length, 'line')}>
      <ol className="mono max-h-96 overflow-y-auto text-xs leading-4.5">
        {attempt.logs.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: log lines have no identity but their place
          <li key={index} className="grid grid-cols-[3rem_2.5rem_minmax(0,1fr)] gap-2">
            <span className="text-right text-ink3">+{((Date.parse(line.at) - start) / 1000).toFixed(2)}</span>
            <span className={cx(tone[line.level] ?? 'text-ink3')}>{line.level}</span>
            <span className="wrap-anywhere">{line.message}</span>
          </li>
        ))}
      </ol>
    </Part>
  );
}
