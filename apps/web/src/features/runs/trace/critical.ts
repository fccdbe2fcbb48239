import type { Trace, TraceNode } from './tree.ts';

/** The chain of attempts that the run's time was spent in, and who took most of it. */
export interface CriticalPath {
  readonly ids: ReadonlySet<string>;
  /** The extension or driver with the largest part, and that part of the whole, 0 to 1. */
  readonly most: { readonly name: string; readonly share: number } | null;
}

/** Walks from the end of the run to its start, each time to the attempt that ended last before the next began. */
export function criticalPath(trace: Trace, endMs: number): CriticalPath {
  const leaves: TraceNode[] = [];
  const walk = (node: TraceNode) => {
    if (node.attempt && node.attempt.outcome !== 'skipped') leaves.push(node);
    for (const child of node.children) walk(child);
  };
  for (const root of trace.roots) walk(root);
  leaves.sort((a, b) => b.end - a.end || b.start - a.start);
  const ids = new Set<string>();
  const spent = new Map<string, number>();
  let before = Number.POSITIVE_INFINITY;
  for (const node of leaves) {
    // Clocks have milliseconds: what touches within one is a chain.
    if (node.end > before + 1) continue;
    ids.add(node.id);
    before = node.start;
    const name = node.extension ?? node.label.split(':', 1)[0] ?? node.label;
    spent.set(name, (spent.get(name) ?? 0) + (node.end - node.start));
  }
  let most: CriticalPath['most'] = null;
  for (const [name, ms] of spent) if (endMs > 0 && (most === null || ms / endMs > most.share)) most = { name, share: Math.min(1, ms / endMs) };
  return { ids, most };
}
