import { type Json, type RunRecord, TenonError, toTenonError } from '@tenon/lifecycle';
import type { Call, Deps } from '../context.ts';
import { type Action, authorise, type Target } from './policy.ts';

/** What the audit says of a change. */
export interface Deed<T> {
  readonly action: Action;
  readonly object: { readonly kind: string; readonly name: string };
  /** The object's name where only the change makes it: `object.name` then stands for it in a refusal. */
  readonly named?: (result: T) => string;
  readonly target?: Target;
  readonly reason?: string | null;
  readonly before?: Json;
  /** What it is afterwards, never with a secret in it. */
  readonly after?: (result: T) => Json;
  /** Runs that the change caused. */
  readonly runs?: (result: T) => readonly RunRecord[];
}

/** Makes one change: decides whether the caller may, does it, and leaves one audit record of the change or of its refusal. */
export async function act<T>(deps: Deps, call: Call, deed: Deed<T>, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    authorise(call.principal, deed.action, deed.target);
    result = await work();
  } catch (thrown) {
    const error = toTenonError(thrown);
    if (isRefusal(error)) await refused(deps, call, deed, error);
    throw error;
  }
  const runIds = deed.runs?.(result).map((run) => run.id) ?? [];
  const object = { kind: deed.object.kind, name: deed.named?.(result) ?? deed.object.name };
  await write(deps, call, { ...deed, object }, { outcome: 'done', reason: deed.reason ?? null, after: deed.after?.(result) ?? null, runIds });
  return result;
}

/** Decides whether the caller may do what changes nothing: read, preview. Only a refusal is audited. */
export async function allow(
  deps: Deps,
  call: Call,
  action: Action,
  object: { readonly kind: string; readonly name: string },
  target: Target = {},
): Promise<void> {
  try {
    authorise(call.principal, action, target);
  } catch (thrown) {
    const error = toTenonError(thrown);
    await refused(deps, call, { action, object, target }, error);
    throw error;
  }
}

/** Whether it was refused, rather than that Tenon or its database failed: a kill switch and an open breaker refuse with 503 too. */
const isRefusal = ({ code }: TenonError): boolean => code !== 'internal' && code !== 'store_unavailable';

type Written = Pick<Deed<never>, 'action' | 'object' | 'target' | 'before'>;

async function refused(deps: Deps, call: Call, deed: Written, error: TenonError): Promise<void> {
  await write(deps, call, deed, {
    outcome: 'refused',
    reason: `${error.code}: ${error.message}`,
    after: null,
    runIds: error.context.runId === undefined ? [] : [error.context.runId],
  });
}

async function write(
  deps: Deps,
  call: Call,
  deed: Written,
  said: { readonly outcome: 'done' | 'refused'; readonly reason: string | null; readonly after: Json; readonly runIds: readonly string[] },
): Promise<void> {
  const record = {
    actor: call.principal.name,
    action: deed.action,
    object: deed.object,
    before: deed.before ?? null,
    requestId: call.requestId,
    workspace: deed.target?.workspace ?? null,
    ...said,
  };
  try {
    await deps.store.addAudit(record);
  } catch (error) {
    // The change stands already: its record goes to the log, so that it is not lost with the store's answer.
    deps.log.error({ audit: record, err: error }, 'the audit record could not be stored');
  }
}

/** The object that is not there, or not for this caller: both look the same. */
export function notFound(kind: string, id: string): TenonError {
  return new TenonError('not_found', `there is no ${kind} \`${id}\``, { hint: 'Look at the list: it has all that you may see.' });
}
