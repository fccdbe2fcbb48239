import type { TreeRow } from '../../../ui/tree-grid.tsx';
import { startsOpen, type Trace, type TraceNode } from './tree.ts';

export interface TraceRow extends TreeRow {
  readonly node: TraceNode;
}

/**
 * The rows on screen, top to bottom.
 * @param toggled rows that stand otherwise than they started.
 * @param filter shown are rows whose name, outcome or error holds it, with all that holds them.
 */
export function visibleRows(trace: Trace, toggled: ReadonlySet<string>, filter: string): TraceRow[] {
  const wanted = filter.trim().toLowerCase();
  const rows: TraceRow[] = [];
  const walk = (node: TraceNode, level: number): boolean => {
    const at = rows.length;
    const parent = node.children.length > 0;
    const open = parent && (wanted !== '' || startsOpen(node) !== toggled.has(node.id));
    rows.push({ id: node.id, level, node, expanded: parent ? open : undefined });
    let hit = wanted === '' || node.kind === 'section' || textOf(node).includes(wanted);
    // A parent that matches shows all of its rows; else only those that match.
    if (open) {
      const all = hit && wanted !== '';
      for (const child of node.children) {
        if (all) show(child, level + 1);
        else if (walk(child, level + 1)) hit = true;
      }
    }
    if (!hit) rows.length = at;
    return hit;
  };
  const show = (node: TraceNode, level: number) => {
    const parent = node.children.length > 0;
    rows.push({ id: node.id, level, node, expanded: parent ? true : undefined });
    for (const child of node.children) show(child, level + 1);
  };
  for (const root of trace.roots) walk(root, 1);
  return rows;
}

function textOf({ label, revision, attempt, effect }: TraceNode): string {
  return [label, revision, attempt?.outcome, attempt?.error?.code, attempt?.error?.message, attempt?.reason, attempt?.message, effect?.state]
    .filter(Boolean)
    .join(' ')
    .toLowerCase();
}

/** The folds that make a row visible: every folded parent of it is toggled. */
export function unfoldTo(trace: Trace, id: string, toggled: ReadonlySet<string>): ReadonlySet<string> {
  const parents = new Set(trace.parentsOf.get(id) ?? []);
  const next = new Set(toggled);
  const walk = (node: TraceNode) => {
    if (!parents.has(node.id)) return;
    if (startsOpen(node)) next.delete(node.id);
    else next.add(node.id);
    for (const child of node.children) walk(child);
  };
  for (const root of trace.roots) walk(root);
  return next;
}
