import { Author } from '../../../ui/author.tsx';
import type { RefusalModel } from './model.ts';
import { Refusal } from './refusal-box.tsx';

interface ConflictProps {
  readonly model: Extract<RefusalModel, { kind: 'conflict' }>;
  /** The extension whose change was refused. */
  readonly by: string | null;
  readonly placeOf?: ((extension: string) => number | undefined) | undefined;
  readonly note?: string | undefined;
}

/** Two extensions want the same field: both are named, and the path. */
export function ConflictRefusal({ model, by, placeOf, note }: ConflictProps) {
  return (
    <Refusal note={note}>
      <p>
        <code className="font-medium text-bad">{model.code}</code> {model.path === null ? null : <code>{model.path}</code>}
      </p>
      {model.owner !== null && by !== null ? (
        <p className="flex flex-wrap items-center gap-x-1">
          <Author kind="extension" name={model.owner} place={placeOf?.(model.owner)} /> set it first,{' '}
          <Author kind="extension" name={by} place={placeOf?.(by)} /> wants to change it.
        </p>
      ) : null}
      <p className="text-ink2">{model.message}</p>
    </Refusal>
  );
}
