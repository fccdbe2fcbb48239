import { CircleMinus, Diamond, RotateCcw, Undo2 } from 'lucide-react';
import { effectLook, outcomeLook, State, type StateLook } from '../../../ui/state.tsx';
import { settles, type TraceNode } from './tree.ts';

/** What a row of the trace says happened: shape and word. */
export interface RowOutcome {
  readonly look: StateLook;
  readonly text: string;
}

export function outcomeOf(node: TraceNode): RowOutcome {
  if (node.attempt) return attemptOutcome(node);
  if (node.kind === 'ledger') return ledgerOutcome(node);
  if (node.kind === 'extension' || node.kind === 'release') {
    const last = node.children.at(-1);
    return last ? attemptOutcome({ ...last, effect: node.effect, kind: node.kind }) : { look: outcomeLook.ok, text: '' };
  }
  return groupOutcome(node);
}

function attemptOutcome(node: TraceNode): RowOutcome {
  const { attempt, effect, retried } = node;
  if (!attempt) return { look: outcomeLook.ok, text: '' };
  const release = attempt.kind === 'release' || attempt.compensates !== null;
  if (release && !node.failed && attempt.outcome === 'ok') {
    const word = attempt.kind === 'driver' ? (attempt.message === 'stop' ? 'stopped' : 'removed') : 'released';
    return { look: { tone: 'undo', icon: Undo2, word }, text: word };
  }
  if (release && effect?.state === 'owed') return { look: effectLook.owed, text: 'failed, owed' };
  if (release && effect?.state === 'waived') return { look: effectLook.waived, text: 'failed, waived' };
  if (retried) return { look: { ...outcomeLook[attempt.outcome], icon: RotateCcw }, text: 'retried' };
  const look = outcomeLook[attempt.outcome];
  if (attempt.outcome === 'changed') return { look, text: `changed ${attempt.changeCount}` };
  if (attempt.outcome === 'shadowed') return { look, text: attempt.changeCount > 0 ? `shadowed ${attempt.changeCount}` : 'shadowed' };
  return { look, text: look.word };
}

function ledgerOutcome(node: TraceNode): RowOutcome {
  const owed = node.children.filter((child) => child.effect?.state === 'owed').length;
  const failed = node.children.filter((child) => child.failed).length;
  if (owed > 0) return { look: effectLook.owed, text: `${owed} owed` };
  if (failed > 0) return { look: outcomeLook.failed, text: `${failed} failed` };
  return { look: effectLook.released, text: `${node.children.length} released` };
}

function groupOutcome(node: TraceNode): RowOutcome {
  const count = { failed: 0, changed: 0, shadowed: 0, ok: 0, skipped: 0 };
  let worst = outcomeLook.failed;
  for (const child of node.children) {
    const last = child.attempt ?? child.children.at(-1)?.attempt;
    if (!last) continue;
    if (child.failed) {
      count.failed += 1;
      worst = outcomeLook[last.outcome];
    } else if (last.outcome === 'changed') count.changed += last.changeCount;
    else if (last.outcome === 'shadowed') count.shadowed += 1;
    else if (last.outcome === 'skipped' || last.outcome === 'aborted') count.skipped += 1;
    else count.ok += 1;
  }
  if (count.failed > 0) return { look: worst, text: `${count.failed} failed` };
  if (count.changed > 0) return { look: outcomeLook.changed, text: `changed ${count.changed}` };
  const parts = [
    count.ok > 0 ? `${count.ok} ok` : '',
    count.shadowed > 0 ? `${count.shadowed} shadowed` : '',
    count.skipped > 0 ? `${count.skipped} skipped` : '',
  ].filter((part) => part !== '');
  if (count.ok === 0 && count.shadowed === 0)
    return { look: { ...outcomeLook.skipped, icon: count.skipped > 0 ? outcomeLook.skipped.icon : CircleMinus }, text: parts.join(', ') };
  return { look: count.ok > 0 ? outcomeLook.ok : outcomeLook.shadowed, text: parts.join(', ') };
}

export function Outcome({ node }: { readonly node: TraceNode }) {
  const { look, text } = outcomeOf(node);
  const made = node.attempt && !settles(node.attempt) ? node.attempt.effects.length : 0;
  return (
    <>
      <State look={look} className="text-sm">
        {text}
      </State>
      {made > 0 ? (
        <span className="inline-flex items-center gap-1 text-sm text-undo" title={`${made} ${made === 1 ? 'effect' : 'effects'} made`}>
          <Diamond aria-hidden size={12} strokeWidth={1.75} />
          {made}
          <span className="sr-only"> effects made</span>
        </span>
      ) : null}
    </>
  );
}
