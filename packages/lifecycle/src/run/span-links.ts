import { messageOf } from '../errors.ts';
import type { AttemptRecord } from '../records.ts';
import type { Session } from './session.ts';

/** A span of another attempt, in the trace of its own run. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** The spans of a run's attempts that its cleanup may link to: those that made something, or may have. */
export class MakersSpans {
  private readonly spans = new Map<string, string>();

  remember(attempt: AttemptRecord): void {
    const mayHaveMade = attempt.effects.length > 0 || attempt.outcome === 'timed_out' || attempt.outcome === 'failed' || attempt.outcome === 'aborted';
    if (mayHaveMade && attempt.compensates === null) this.spans.set(attempt.id, attempt.spanId);
  }

  get(attemptId: string): string | undefined {
    return this.spans.get(attemptId);
  }
}

/** The span of the attempt that made what is cleaned up, from this run or an earlier one; null where the attempt is not known any more. */
export async function linkToMaker(session: Session, attemptId: string | null): Promise<SpanLink | null> {
  if (attemptId === null) return null;
  const here = session.makers.get(attemptId);
  if (here !== undefined) return { traceId: session.run.traceId, spanId: here };
  const { store, log } = session.deps;
  try {
    const attempt = await store.getAttempt(attemptId);
    const run = attempt === null ? null : await store.getRun(attempt.runId);
    return attempt === null || run === null ? null : { traceId: run.traceId, spanId: attempt.spanId };
  } catch (error) {
    // A link is for people; the cleanup itself must not wait for it.
    log.info({ runId: session.run.id, attemptId, err: messageOf(error) }, 'a cleanup is traced without a link to what it cleans up');
    return null;
  }
}
