import type { RunSummaryView } from '@tenon/contract';
import type { Operation } from '@tenon/vocabulary';

const verbs: Record<Operation, string> = { create: 'Create', start: 'Start', stop: 'Stop', delete: 'Delete', reconcile: 'Reconcile', preview: 'Dry run of' };

/** A run's name for people: what it does to which sandbox. */
export function runTitle(run: Pick<RunSummaryView, 'operation' | 'sandboxName'>): string {
  return `${verbs[run.operation]} ${run.sandboxName}`;
}

/** The address of a run, at an attempt where one is known. */
export function runHref(id: string, attempt?: string | null): string {
  return `/runs/${encodeURIComponent(id)}${attempt ? `?attempt=${encodeURIComponent(attempt)}` : ''}`;
}

/** What a waiting run waits for. */
export function waitingText(run: Pick<RunSummaryView, 'status' | 'waitingFor'>): string | null {
  if (run.status !== 'waiting') return null;
  const what = { backend: 'the backend', store: 'the store', retry: 'its next try', run: 'the run that it supersedes' };
  return run.waitingFor === null ? 'waiting' : `waiting for ${what[run.waitingFor]}`;
}
