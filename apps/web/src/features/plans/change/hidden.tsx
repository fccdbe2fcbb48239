import { EyeOff } from 'lucide-react';
import { ChangeLine } from './line.tsx';
import type { ChangeModel } from './model.ts';

/** Says that a value is hidden, never the value. */
export function HiddenMark({ children = 'hidden' }: { readonly children?: string }) {
  return (
    <span
      title="It is a secret: it is stored encrypted and shown nowhere."
      className="inline-flex h-4.5 items-center align-middle gap-1 rounded-sm bg-idle-soft px-1.25 font-sans text-sm leading-none text-ink2 not-italic shadow-[inset_0_0_0_1px_var(--color-rule)]"
    >
      <EyeOff aria-hidden size={12} strokeWidth={1.75} />
      {children}
    </span>
  );
}

export function HiddenChange({ model, would }: { readonly model: Extract<ChangeModel, { kind: 'hidden' }>; readonly would?: boolean | undefined }) {
  return (
    <ChangeLine glyph={model.glyph} path={model.path} would={would} overrode={model.overrode}>
      <HiddenMark>{`${model.how}, hidden`}</HiddenMark>
    </ChangeLine>
  );
}
