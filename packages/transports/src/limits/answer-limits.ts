import { LIMITS, type Limits } from '@tenon/vocabulary';

/** How large an answer from outside may be; the engine's `Limits` fit as they are. */
export type AnswerLimits = Pick<Limits, 'planBytes' | 'planDepth' | 'patchesPerAttempt' | 'extensionStateBytes' | 'attemptLogBytes' | 'hookDeadlineMs'>;

export function answerLimits(settings: Partial<AnswerLimits> = {}): AnswerLimits {
  return { ...LIMITS, ...settings };
}
