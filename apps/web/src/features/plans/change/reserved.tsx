import { Lock } from 'lucide-react';
import type { RefusalModel } from './model.ts';
import { Refusal } from './refusal-box.tsx';

/** A hook reached for what no extension may change. */
export function ReservedRefusal({
  model,
  note,
}: {
  readonly model: Extract<RefusalModel, { kind: 'reserved' | 'other' }>;
  readonly note?: string | undefined;
}) {
  return (
    <Refusal note={note}>
      <p>
        <code className="font-medium text-bad">{model.code}</code> {model.path === null ? null : <code>{model.path}</code>}{' '}
        {model.kind === 'reserved' ? <Lock aria-label="reserved" size={12} strokeWidth={1.75} className="inline align-[-1px] text-bad" /> : null}
      </p>
      <p className="text-ink2">{model.message}</p>
    </Refusal>
  );
}
