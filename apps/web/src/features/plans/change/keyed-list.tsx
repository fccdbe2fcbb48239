import { ChangeLine, Values } from './line.tsx';
import type { ChangeModel } from './model.ts';

/** An element of a list with identity: its key is in the path, never its index. */
export function KeyedListChange({ model, would }: { readonly model: Extract<ChangeModel, { kind: 'keyed_list' }>; readonly would?: boolean | undefined }) {
  return (
    <ChangeLine glyph={model.glyph} path={<span title={`Element keyed by ${model.keyedBy}`}>{model.path}</span>} would={would} overrode={model.overrode}>
      <Values before={model.before} after={model.after} />
    </ChangeLine>
  );
}
