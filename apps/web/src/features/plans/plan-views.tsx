'use client';
import { Columns2, Filter, GitCompare, ListOrdered } from 'lucide-react';
import { parseAsInteger, parseAsString, parseAsStringLiteral, useQueryStates } from 'nuqs';
import { FilterField, Segmented } from '../../ui/field.tsx';
import { PlanCompare, RevisionRange } from './plan-compare.tsx';
import type { PlanContext } from './plan-context.ts';
import { PlanFields } from './plan-fields.tsx';
import { PlanRaw } from './plan-raw.tsx';
import { PlanSequence } from './plan-sequence.tsx';

const VIEWS = ['extension', 'raw', 'compare'] as const;

/** The state of a plan's views in the address. */
const planView = {
  view: parseAsStringLiteral(VIEWS).withDefault('extension'),
  field: parseAsString.withDefault(''),
  from: parseAsInteger.withDefault(0),
  to: parseAsInteger,
};

/** A plan in its three views: by author in order with blame, raw side by side, any two revisions compared. */
export function PlanViews({ context }: { readonly context: PlanContext }) {
  const [state, set] = useQueryStates(planView, { history: 'replace' });
  const last = context.plan.revisions.at(-1)?.number ?? 0;
  const to = state.to === null || state.to > last ? last : state.to;
  const from = Math.min(state.from, last);
  const segments = [
    { value: 'extension', label: 'By extension', icon: ListOrdered },
    { value: 'raw', label: 'Raw side by side', icon: Columns2 },
    ...(context.sandboxId === null ? [] : [{ value: 'compare', label: 'Compare', icon: GitCompare } as const]),
  ] as const;
  return (
    <div className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-hairline px-3 py-1.5 md:pr-4 md:pl-6">
        {state.view === 'extension' ? (
          <FilterField
            label="Path, author or value"
            icon={Filter}
            className="w-52"
            value={state.field}
            onChange={(event) => void set({ field: event.target.value })}
          />
        ) : (
          <RevisionRange context={context} from={from} to={to} onChange={(range) => void set(range)} />
        )}
        <span className="flex-1" />
        <Segmented label="View of the plan" value={state.view} segments={segments} onChange={(view) => void set({ view })} />
      </div>
      {state.view === 'raw' ? (
        <PlanRaw context={context} from={from} to={to} />
      ) : state.view === 'compare' && context.sandboxId !== null ? (
        <div className="min-h-0 flex-1 overflow-y-auto">
          <PlanCompare context={context} sandboxId={context.sandboxId} from={from} to={to} />
        </div>
      ) : (
        <div className="grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)_minmax(0,33rem)] max-lg:block max-lg:overflow-y-auto">
          <div className="min-h-0 overflow-y-auto">
            <PlanSequence context={context} />
          </div>
          <PlanFields context={context} filter={state.field} />
        </div>
      )}
    </div>
  );
}
