'use client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { AttemptView, RunView, SandboxView } from '@tenon/contract';
import { ArrowDown, ArrowUp, Hourglass, Link2 } from 'lucide-react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { Button, IconButton, LinkButton, TextLink } from '../../ui/button.tsx';
import { ErrorCode, Kbd } from '../../ui/code.tsx';
import { CopyButton } from '../../ui/copy.tsx';
import { formatAge, formatDuration, plural } from '../../ui/format.ts';
import { Meta } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { Chip, outcomeLook, owedLook, runLook } from '../../ui/state.tsx';
import { Age, Time } from '../../ui/time.tsx';
import { useDenied } from '../session/index.ts';
import { runTitle, waitingText } from './words.ts';

interface HeadProps {
  readonly run: RunView;
  readonly address: string;
  readonly blockedBy: SandboxView['blockedBy'];
  readonly extensions: number;
}

export function RunHead({ run, address, blockedBy, extensions }: HeadProps) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const denied = useDenied();
  const resume = useMutation(trpc.runs.resume.mutationOptions({ onSuccess: () => queries.invalidateQueries(trpc.runs.pathFilter()) }));
  const owed = run.effects.filter((effect) => effect.state === 'owed').length;
  const took = run.endedAt === null ? null : Date.parse(run.endedAt) - Date.parse(run.startedAt);
  const { look, text } = { look: runLook[run.status], text: waitingText(run) };
  return (
    <div className="border-b border-hairline px-3 py-2.5 md:pr-4 md:pl-6">
      <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
        <div className="min-w-0 max-w-full">
          <div className="flex flex-wrap items-center gap-2">
            <h1 className="text-xl font-semibold tracking-[-0.015em] wrap-anywhere">{runTitle(run)}</h1>
            <Chip look={look}>{text === null ? look.word : capital(text)}</Chip>
            {owed > 0 ? <Chip look={owedLook(owed)} /> : null}
          </div>
          <Meta
            items={[
              run.workspace,
              run.driver,
              <Time key="t" at={run.startedAt} precise />,
              took === null ? (
                <span key="d">
                  for <Age at={run.startedAt} />
                </span>
              ) : (
                `took ${formatDuration(took)}`
              ),
              plural(extensions, 'extension'),
              `by ${run.actor}`,
              <span key="i" data-wide-only className="max-lg:hidden">
                trace <code>{run.traceId}</code>
              </span>,
            ]}
          />
        </div>
        <div className="flex min-w-0 flex-1 flex-wrap items-center justify-end gap-2 max-md:basis-full">
          {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for form controls; this groups an address with its copy button */}
          <div
            role="group"
            aria-label="Link to this view"
            className="flex h-control min-w-0 flex-1 items-center gap-2 rounded-md border border-rule bg-sunken pr-px pl-2 text-ink3 md:max-w-128"
            title="Restores attempt, filter, folds and zoom, also after signing in"
          >
            <Link2 aria-hidden size={14} strokeWidth={1.75} className="shrink-0" />
            <code className="min-w-0 flex-1 truncate text-ink2 select-all">{address}</code>
            <CopyButton text={() => location.href} label="Copy link" keyHint="C" />
          </div>
          {run.status === 'interrupted' ? (
            <Button look="primary" denied={denied('operator', run.workspace)} busy={resume.isPending} onClick={() => resume.mutate({ id: run.id })}>
              Resume
            </Button>
          ) : null}
          {run.sandboxId === null ? null : <LinkButton href={`/sandboxes/${encodeURIComponent(run.sandboxId)}?tab=plan`}>Plan</LinkButton>}
        </div>
      </div>
      {resume.error ? <ProblemNote className="mt-2" problem={problemOf(resume.error)} /> : null}
      {blockedBy ? (
        <p role="status" className="mt-2 flex items-center gap-2 rounded-md border border-l-3 border-owed-rule border-l-owed-fill bg-owed-soft px-3 py-1.5">
          <Hourglass aria-hidden size={16} strokeWidth={1.5} className="shrink-0 text-owed" />
          <span>
            Blocked by <b className="font-semibold">{blockedBy.extension}</b> in <code>{blockedBy.phase}</code> for {formatAge(blockedBy.sinceMs)}
          </span>
        </p>
      ) : null}
    </div>
  );
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

interface BannerProps {
  readonly run: RunView;
  readonly attempts: readonly AttemptView[];
  readonly count: number;
  /** Place of the selected failure, from 1; 0: none is selected. */
  readonly at: number;
  readonly onStep: (step: 1 | -1) => void;
  readonly onGoTo: (attemptId: string) => void;
  readonly releaseOf: (effectId: string) => string | undefined;
}

/** The first error, never lost, and the way through all of them. */
export function FirstErrorBanner({ run, attempts, count, at, onStep, onGoTo, releaseOf }: BannerProps) {
  const error = run.firstError;
  if (error === null && count === 0) return null;
  const attempt = attempts.find((each) => each.id === error?.attemptId);
  const Icon = attempt ? outcomeLook[attempt.outcome].icon : outcomeLook.failed.icon;
  const owed = run.effects.filter((effect) => effect.state === 'owed');
  const undone = run.operation === 'create' || run.operation === 'start';
  return (
    <section
      aria-label="First error"
      className="mx-3 my-2 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-md border border-l-3 border-bad-rule border-l-bad-fill bg-bad-soft px-3 py-1.5 md:mr-4 md:ml-6"
    >
      <Icon aria-hidden size={16} strokeWidth={1.5} className="shrink-0 text-bad" />
      <div className="min-w-0 flex-1 basis-56 wrap-anywhere">
        {error ? (
          <p>
            <b className="font-semibold">{error.extension ?? run.driver}</b>
            {error.phase ? (
              <>
                {' '}
                in <code>{error.phase}</code>
              </>
            ) : null}
            {attempt && attempt.number > 1 ? `, attempt ${attempt.number}` : ''}: {error.message}
          </p>
        ) : (
          <p className="font-semibold">The run went on past {plural(count, 'failed attempt')}.</p>
        )}
        <p className="text-sm text-ink2">
          {error ? (
            <>
              First error <ErrorCode tone="plain">{error.code}</ErrorCode>{' '}
            </>
          ) : null}
          {run.endedAt !== null && run.status === 'failed' && undone && run.effects.length > 0 ? 'All that was made is undone. ' : ''}
          {owed.map((effect) => {
            const release = releaseOf(effect.id);
            return (
              <span key={effect.id}>
                {release ? (
                  <button type="button" className="text-accent underline decoration-accent-rule underline-offset-2" onClick={() => onGoTo(release)}>
                    {effect.kind} {effect.key}
                  </button>
                ) : (
                  <TextLink href="/effects">
                    {effect.kind} {effect.key}
                  </TextLink>
                )}{' '}
                is still owed
                {effect.nextRetryAt ? (
                  <>
                    : next try <Time at={effect.nextRetryAt} />
                  </>
                ) : null}
                .{' '}
              </span>
            );
          })}
          {error?.hint}
        </p>
      </div>
      {count > 0 ? (
        <div className="flex items-center gap-2 whitespace-nowrap">
          <span className="font-medium" aria-live="polite">
            {at === 0 ? plural(count, 'failure') : `Failure ${at} of ${count}`}
          </span>
          <IconButton look="plain" size="sm" icon={ArrowUp} label="Previous failure" aria-keyshortcuts="Shift+N" onClick={() => onStep(-1)} />
          <Button size="sm" icon={ArrowDown} aria-label="Next failure" aria-keyshortcuts="N" onClick={() => onStep(1)}>
            Next <Kbd>N</Kbd>
          </Button>
        </div>
      ) : null}
    </section>
  );
}
