import type { ChangeView } from '@tenon/contract';
import { ConflictRefusal } from './conflict.tsx';
import { HiddenChange } from './hidden.tsx';
import { KeyedListChange } from './keyed-list.tsx';
import { MapChange } from './map.tsx';
import { changeModel, type PointShape, refusalModel } from './model.ts';
import { ReservedRefusal } from './reserved.tsx';
import { ScalarChange } from './scalar.tsx';

interface ChangeProps {
  readonly change: ChangeView;
  readonly points?: readonly PointShape[] | undefined;
  readonly would?: boolean | undefined;
}

/** One change of a plan, drawn by its kind. */
function Change({ change, points, would }: ChangeProps) {
  const model = changeModel(change, points);
  switch (model.kind) {
    case 'scalar':
      return <ScalarChange model={model} would={would} />;
    case 'map':
      return <MapChange model={model} would={would} />;
    case 'keyed_list':
      return <KeyedListChange model={model} would={would} />;
    case 'hidden':
      return <HiddenChange model={model} would={would} />;
  }
}

interface RefusedProps {
  readonly error: { readonly code: string; readonly message: string; readonly path?: string | undefined; readonly conflictsWith?: string | undefined };
  readonly by: string | null;
  readonly placeOf?: ((extension: string) => number | undefined) | undefined;
  readonly note?: string | undefined;
}

/** What a hook tried and was refused. */
export function RefusedChange({ error, by, placeOf, note }: RefusedProps) {
  const model = refusalModel(error);
  return model.kind === 'conflict' ? <ConflictRefusal model={model} by={by} placeOf={placeOf} note={note} /> : <ReservedRefusal model={model} note={note} />;
}

/** A bounded list of changes: what is not shown is counted. */
export function Changes({
  changes,
  points,
  would,
  limit = 200,
}: {
  readonly changes: readonly ChangeView[];
  readonly points?: readonly PointShape[] | undefined;
  readonly would?: boolean | undefined;
  readonly limit?: number;
}) {
  return (
    <>
      {changes.slice(0, limit).map((change) => (
        <Change key={`${change.op} ${change.path}`} change={change} points={points} would={would} />
      ))}
      {changes.length > limit ? <p className="text-sm text-ink3">{changes.length - limit} more changes; the plan shows them all.</p> : null}
    </>
  );
}
