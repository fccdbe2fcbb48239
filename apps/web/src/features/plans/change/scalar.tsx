import { ChangeLine, Values } from './line.tsx';
import type { ChangeModel } from './model.ts';

export function ScalarChange({ model, would }: { readonly model: Extract<ChangeModel, { kind: 'scalar' }>; readonly would?: boolean | undefined }) {
  return (
    <ChangeLine glyph={model.glyph} path={model.path} would={would} overrode={model.overrode}>
      <Values before={model.before} after={model.after} />
    </ChangeLine>
  );
}
