'use client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ActivationView } from '@tenon/contract';
import { ArrowRight, Clock } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTRPC } from '../../api/client.ts';
import { errorAt, problemOf } from '../../api/problem.ts';
import { Button } from '../../ui/button.tsx';
import { Sheet } from '../../ui/dialog.tsx';
import { AreaField, CheckField } from '../../ui/field.tsx';
import { Skeleton } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { modeLook, State } from '../../ui/state.tsx';
import { Time } from '../../ui/time.tsx';
import { sayDone } from '../../ui/toast.tsx';
import { useDenied } from '../session/index.ts';
import { ActivationFields } from './activation-fields.tsx';
import { type ActivationBody, type ActivationChange, type ActivationForm, bodyOf, changeOf, emptyForm, formOf, scopeText } from './activation-form.ts';
import { LostRace } from './lost-race.tsx';
import { PreviewView, wouldFail } from './preview-view.tsx';

/** What the sheet was opened for. */
export type SheetTarget =
  | { readonly kind: 'new'; readonly extension: string }
  | { readonly kind: 'edit'; readonly row: ActivationView }
  | { readonly kind: 'mode'; readonly row: ActivationView; readonly mode: ActivationView['mode'] }
  | { readonly kind: 'remove'; readonly row: ActivationView };

/** What will be sent, once it has been previewed and a reason was given. */
type Intent =
  | { readonly kind: 'create'; readonly body: ActivationBody }
  | { readonly kind: 'change'; readonly seen: ActivationView; readonly change: ActivationChange }
  | { readonly kind: 'remove'; readonly seen: ActivationView };

const NOTHING_LOST: ActivationView | null = null;

/** A toggle is a change with a blast radius: form, preview, reason, then the button that names its result. */
export function ActivationSheet({ target: opened, onClose }: { readonly target: SheetTarget; readonly onClose: () => void }) {
  // What was seen stays what was seen: a live update of the row must not turn into a silent undo of somebody else's change.
  const [target] = useState(opened);
  const trpc = useTRPC();
  const queries = useQueryClient();
  const denied = useDenied()('operator');
  const extensions = useQuery(trpc.extensions.list.queryOptions({ limit: 200 }));
  const drivers = useQuery(trpc.drivers.list.queryOptions({ limit: 200 }));
  const [form, setForm] = useState<ActivationForm>(() => (target.kind === 'new' ? emptyForm(target.extension) : formOf(target.row)));
  const [configError, setConfigError] = useState<string | null>(null);
  const [local, setLocal] = useState<Readonly<Record<string, string>>>({});
  const [intent, setIntent] = useState<Intent | null>(null);
  const [reason, setReason] = useState('');
  const [accepted, setAccepted] = useState(false);
  const [previewedAt, setPreviewedAt] = useState<string | null>(null);
  const [lost, setLost] = useState(NOTHING_LOST);
  const editable = target.kind === 'new' || target.kind === 'edit';
  const preview = useMutation(
    trpc.activations.preview.mutationOptions({
      onSuccess: () => setPreviewedAt(new Date().toISOString()),
      // What the API does not accept is mended in the form, at its field.
      onError: (failure) => {
        if (editable && problemOf(failure).status === 422) setIntent(null);
      },
    }),
  );
  const settled = {
    onSuccess: async () => {
      sayDone(
        intent?.kind === 'remove' ? `${form.extension} is no longer activated here` : `${form.extension} saved`,
        'New sandboxes get it; live ones keep what was frozen.',
      );
      onClose();
      await Promise.all([queries.invalidateQueries(trpc.activations.pathFilter()), queries.invalidateQueries(trpc.extensions.pathFilter())]);
    },
    onError: (failure: unknown) => {
      const problem = problemOf(failure);
      if (problem.code === 'precondition_failed' && isActivation(problem.current)) setLost(problem.current);
    },
  };
  const create = useMutation(trpc.activations.create.mutationOptions(settled));
  const update = useMutation(trpc.activations.update.mutationOptions(settled));
  const remove = useMutation(trpc.activations.remove.mutationOptions(settled));
  const saving = create.isPending || update.isPending || remove.isPending;

  const ask = (next: Intent) => {
    setIntent(next);
    setAccepted(false);
    setLost(null);
    setPreviewedAt(null);
    for (const each of [create, update, remove]) each.reset();
    if (next.kind === 'create') preview.mutate(next.body);
    else if (next.kind === 'change') preview.mutate({ id: next.seen.id, change: next.change });
    else preview.mutate({ id: next.seen.id, delete: true });
  };
  // A change of mode and a removal have nothing to fill in: they begin with the preview.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, for what the sheet was opened for
  useEffect(() => {
    if (target.kind === 'mode') ask({ kind: 'change', seen: target.row, change: { mode: target.mode } });
    else if (target.kind === 'remove') ask({ kind: 'remove', seen: target.row });
  }, []);

  const toPreview = () => {
    const made = target.kind === 'edit' ? changeOf(target.row, form) : bodyOf(form);
    const nothing = 'change' in made && Object.keys(made.change).length === 0 ? { '': 'Nothing is changed yet.' } : {};
    const errors: Readonly<Record<string, string>> = { ...made.errors, ...(configError === null ? {} : { '/config': configError }), ...nothing };
    setLocal(errors);
    if (Object.keys(errors).length > 0) return;
    if ('change' in made && target.kind === 'edit') ask({ kind: 'change', seen: target.row, change: made.change });
    else if ('body' in made) ask({ kind: 'create', body: made.body });
  };
  const confirm = () => {
    const why = reason.trim();
    if (intent?.kind === 'create') create.mutate({ ...intent.body, reason: why });
    else if (intent?.kind === 'change') update.mutate({ id: intent.seen.id, version: intent.seen.version, change: { ...intent.change, reason: why } });
    else if (intent?.kind === 'remove') remove.mutate({ id: intent.seen.id, version: intent.seen.version, reason: why });
  };

  const failure = create.error ?? update.error ?? remove.error ?? preview.error;
  const problem = failure && lost === null ? problemOf(failure) : null;
  const at = (pointer: string) =>
    local[pointer] ?? errorAt(problem, pointer, `/change${pointer}`) ?? (pointer === '/config' ? errorAt(problem, '/config/*', '/change/config/*') : null);
  const fail = preview.data ? wouldFail(preview.data) : 0;
  const stopped =
    denied ??
    (reason.trim() === '' ? 'Say why first: the reason goes to the audit record.' : fail > 0 && !accepted ? 'Say that you have read what would fail.' : null);
  const mode = intent?.kind === 'change' ? (intent.change.mode ?? intent.seen.mode) : form.mode;
  const word =
    intent?.kind === 'remove'
      ? 'Remove activation'
      : { enforce: 'Enforce for new sandboxes', shadow: 'Shadow for new sandboxes', disabled: 'Disable for new sandboxes' }[mode];

  if (intent === null) {
    return (
      <Sheet
        open
        onClose={onClose}
        width="wide"
        step="form"
        title={target.kind === 'new' ? 'New activation' : `Change ${form.extension}`}
        lede="It decides for new sandboxes. Live ones keep the record that was frozen at their create."
        footer={
          <>
            <span className="flex-1 text-bad" role="alert">
              {local[''] ?? (Object.keys(local).length > 0 ? 'Something above is no value yet.' : '')}
            </span>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" denied={denied} onClick={toPreview}>
              Preview change
            </Button>
          </>
        }
      >
        <ActivationFields
          form={form}
          onChange={(part) => setForm((old) => ({ ...old, ...part }))}
          onConfigError={setConfigError}
          fixed={target.kind === 'edit'}
          extensions={extensions.data?.items ?? []}
          drivers={drivers.data?.items ?? []}
          errorAt={at}
        />
        {problem ? <ProblemNote className="mx-3 mb-4 md:mx-5" problem={problem} /> : null}
      </Sheet>
    );
  }
  return (
    <Sheet
      open
      onClose={onClose}
      width="wide"
      step={lost ? 'lost' : 'preview'}
      title={
        intent.kind === 'remove'
          ? `Remove the activation of ${form.extension}`
          : `${{ enforce: 'Enforce', shadow: 'Shadow', disabled: 'Disable' }[mode]} ${form.extension} for new sandboxes`
      }
      lede={<Lede intent={intent} />}
      footer={
        <>
          <span className="inline-flex min-w-0 flex-1 items-center gap-1.5 text-sm text-ink2">
            <Clock aria-hidden size={14} strokeWidth={1.75} className="shrink-0" />
            {lost && intent.kind !== 'create' ? (
              `Not saved: version ${intent.seen.version} is outdated`
            ) : previewedAt ? (
              <span>
                Previewed at <Time at={previewedAt} />
                {intent.kind === 'create' ? '' : ` against version ${intent.seen.version}`}
              </span>
            ) : (
              'Not previewed yet'
            )}
          </span>
          {lost && intent.kind !== 'create' ? (
            <>
              <Button onClick={onClose}>Discard my change</Button>
              <Button look="primary" onClick={() => ask({ ...intent, seen: lost })}>
                Preview again on version {lost.version}
              </Button>
            </>
          ) : (
            <>
              {editable ? <Button onClick={() => setIntent(null)}>Back to the form</Button> : null}
              <Button onClick={onClose}>Cancel</Button>
              <Button
                look={intent.kind === 'remove' ? 'danger' : 'primary'}
                denied={preview.data ? stopped : 'It is previewed first.'}
                busy={saving}
                onClick={confirm}
              >
                {word}
              </Button>
            </>
          )}
        </>
      }
    >
      {lost && intent.kind === 'change' ? (
        <LostRace seen={intent.seen} saved={lost} change={intent.change} />
      ) : lost && intent.kind === 'remove' ? (
        <LostRace seen={intent.seen} saved={lost} change={{}} />
      ) : (
        <>
          {problem ? <ProblemNote className="mx-3 mt-4 md:mx-5" problem={problem} onRetry={preview.error ? () => ask(intent) : undefined} /> : null}
          {preview.isPending ? (
            <div role="status" aria-label="Previewing">
              <p className="px-3 pt-4 text-ink2 md:px-5">Replaying recent creates with today's activations and with this change, at most 10 s.</p>
              <Skeleton rows={5} />
            </div>
          ) : preview.data ? (
            <PreviewView preview={preview.data} extension={form.extension} />
          ) : null}
        </>
      )}
      <div className="sticky bottom-0 grid gap-2 border-t border-hairline bg-sunken px-3 py-3 md:px-5">
        <AreaField
          label="Reason"
          note="required, goes to the audit record"
          rows={2}
          value={reason}
          error={at('/reason')}
          onChange={(event) => setReason(event.target.value)}
        />
        {fail > 0 && !lost ? (
          <CheckField
            label={`${fail} of ${preview.data?.requests.replayed ?? 0} recent creates would have failed. I have read why.`}
            checked={accepted}
            onChange={(event) => setAccepted(event.target.checked)}
          />
        ) : null}
      </div>
    </Sheet>
  );
}

function Lede({ intent }: { readonly intent: Intent }) {
  const row = intent.kind === 'create' ? null : intent.seen;
  const change: Partial<ActivationChange> = intent.kind === 'change' ? intent.change : {};
  const next = intent.kind === 'create' ? intent.body : { ...row, ...change };
  return (
    <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
      {row && change.mode && change.mode !== row.mode ? (
        <>
          <State look={modeLook[row.mode]} /> <ArrowRight aria-label="becomes" size={14} className="text-ink3" />
        </>
      ) : null}
      {next.mode ? <State look={modeLook[next.mode]} /> : null}
      <span>{scopeText(next.scope ?? {})}</span>
      <span>{next.percentage ?? 100} %</span>
      <span>order {next.order ?? 1000}</span>
    </span>
  );
}

/** The saved values that a lost race answers: a whole activation. */
function isActivation(value: unknown): value is ActivationView {
  return typeof value === 'object' && value !== null && 'id' in value && 'version' in value && 'mode' in value && 'scope' in value;
}
