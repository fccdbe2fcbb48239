import type { AttemptListQuery, AttemptView, ListOf, RunListQuery, RunSummaryView, RunView } from '@tenon/contract';
import type { RunRecord } from '@tenon/lifecycle';
import { LIMITS } from '@tenon/vocabulary';
import type { Call, Deps } from '../context.ts';
import { defined } from '../defined.ts';
import { allow, notFound } from '../policy/act.ts';
import { presentAttempt, presentRun, presentRunSummary } from '../present/run.ts';
import { epoch, epochAfter } from '../present/time.ts';
import { loadRun } from './load-sandbox.ts';

export async function listRuns(deps: Deps, call: Call, query: RunListQuery): Promise<ListOf<RunSummaryView>> {
  await allow(deps, call, 'run.read', { kind: 'run', name: '*' });
  const { limit, cursor, from, to, ...filter } = query;
  const page = await deps.store.listRuns(
    defined({
      ...filter,
      visible: call.principal.workspaces,
      from: from === undefined ? undefined : epoch(from),
      to: to === undefined ? undefined : epochAfter(to),
    }),
    defined({ limit, cursor }),
  );
  return { items: page.items.map(presentRunSummary), next: page.next };
}

export async function getRun(deps: Deps, call: Call, id: string): Promise<RunView> {
  await allow(deps, call, 'run.read', { kind: 'run', name: id });
  return viewRun(deps, await loadRun(deps, call, id));
}

/** A page of attempts in the order in which they began; changes stand inline for the run's first 200 only. */
export async function listAttempts(deps: Deps, call: Call, runId: string, query: AttemptListQuery): Promise<ListOf<AttemptView>> {
  await allow(deps, call, 'run.read', { kind: 'run', name: runId });
  await loadRun(deps, call, runId);
  const page = await deps.store.listAttempts(runId, defined(query));
  return { items: page.items.map((attempt) => presentAttempt(attempt, attempt.seq <= LIMITS.attemptsInline)), next: page.next };
}

export async function getAttempt(deps: Deps, call: Call, id: string): Promise<AttemptView> {
  await allow(deps, call, 'run.read', { kind: 'attempt', name: id });
  const attempt = await deps.store.getAttempt(id);
  if (attempt === null) throw notFound('attempt', id);
  await loadRun(deps, call, attempt.runId);
  return presentAttempt(attempt);
}

/** A run with its trace. One that has only just been opened has none yet, and costs no query. */
export async function viewRun(deps: Deps, run: RunRecord): Promise<RunView> {
  if (run.attemptCount === 0 && run.steps.length === 0 && run.endedAt === null) return presentRun(run, [], []);
  const [attempts, effects] = await Promise.all([deps.store.listAttempts(run.id, { limit: LIMITS.attemptsInline }), deps.store.effectsOfRun(run.id)]);
  return presentRun(run, attempts.items, effects);
}
