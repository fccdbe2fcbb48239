import type { AttemptView, PlanView } from '@tenon/contract';
import type { PointShape } from './change/model.ts';

/** What all views of one plan need. */
export interface PlanContext {
  readonly plan: PlanView;
  readonly points: readonly PointShape[];
  readonly reserved: readonly string[];
  /** Null for a dry run: nothing exists that could be asked. */
  readonly sandboxId: string | null;
  /** Attempts of the run that made the plan; empty where they are not at hand. */
  readonly attempts: readonly AttemptView[];
  readonly runId: string | null;
  readonly placeOf: (extension: string) => number | undefined;
}
