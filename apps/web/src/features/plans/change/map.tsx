import { ChangeLine, Values } from './line.tsx';
import type { ChangeModel } from './model.ts';

/** A whole object that came, went or was replaced: by its members. */
export function MapChange({ model, would }: { readonly model: Extract<ChangeModel, { kind: 'map' }>; readonly would?: boolean | undefined }) {
  return (
    <ChangeLine glyph={model.glyph} path={model.path} would={would} overrode={model.overrode}>
      <Values before={model.before} after={model.after} />
    </ChangeLine>
  );
}
