import type { MatrixCellView } from '@tenon/contract';
import { type CapabilityState, PHASE_NAMES, type Phase } from '@tenon/vocabulary';

export interface MatrixRow {
  readonly kind: MatrixCellView['kind'];
  readonly name: string;
  /** By driver; a driver that has nothing to say is absent. */
  readonly cells: ReadonlyMap<string, MatrixCellView>;
  /** Whether a required hook needs it: then a lack refuses. */
  readonly need: 'required' | 'if present' | 'not used';
}

export interface Matrix {
  readonly drivers: readonly { readonly name: string; readonly state: CapabilityState; readonly refused: number; readonly noOps: number }[];
  readonly groups: readonly { readonly kind: MatrixCellView['kind']; readonly rows: readonly MatrixRow[] }[];
}

const kinds = ['phase', 'point', 'feature'] as const;

/**
 * The cells of one extension, or the drivers' own, as a table: phases in the order of a sandbox's life, then points, features.
 * @param used what the extension needs at all; null: the drivers' own rows, where nobody needs anything.
 */
export function matrixOf(cells: readonly MatrixCellView[], driverNames: readonly string[], required: ReadonlySet<string> | null): Matrix {
  const rows = new Map<string, { readonly kind: MatrixCellView['kind']; readonly name: string; readonly cells: Map<string, MatrixCellView> }>();
  for (const cell of cells) {
    const key = `${cell.kind} ${cell.name}`;
    const row = rows.get(key) ?? { kind: cell.kind, name: cell.name, cells: new Map<string, MatrixCellView>() };
    row.cells.set(cell.driver, cell);
    rows.set(key, row);
  }
  const order = (row: { readonly kind: string; readonly name: string }) => (row.kind === 'phase' ? PHASE_NAMES.indexOf(row.name as Phase) : 0);
  const groups = kinds.flatMap((kind) => {
    const own = [...rows.values()].filter((row) => row.kind === kind).sort((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : 1));
    if (own.length === 0) return [];
    return [{ kind, rows: own.map((row): MatrixRow => ({ ...row, need: needOf(row, required) })) }];
  });
  const names = driverNames.length > 0 ? driverNames : [...new Set(cells.map((cell) => cell.driver))].sort();
  const drivers = names.map((name) => {
    const own = cells.filter((cell) => cell.driver === name);
    const refused = own.filter((cell) => cell.state === 'refused').length;
    const noOps = own.filter((cell) => cell.state === 'no_op').length;
    return { name, refused, noOps, state: refused > 0 ? ('refused' as const) : noOps > 0 ? ('no_op' as const) : ('supported' as const) };
  });
  return { drivers, groups };
}

function needOf(
  row: { readonly kind: string; readonly name: string; readonly cells: ReadonlyMap<string, MatrixCellView> },
  required: ReadonlySet<string> | null,
): MatrixRow['need'] {
  if (required === null) return 'not used';
  if (required.has(`${row.kind} ${row.name}`) || [...row.cells.values()].some((cell) => cell.state === 'refused')) return 'required';
  return 'if present';
}

/** What the hooks of a manifest require, as keys of matrix rows. */
export function requiredOf(
  hooks: readonly { readonly phase: string; readonly required: boolean; readonly points: readonly string[]; readonly features: readonly string[] }[],
): ReadonlySet<string> {
  return new Set(
    hooks
      .filter((hook) => hook.required)
      .flatMap((hook) => [`phase ${hook.phase}`, ...hook.points.map((point) => `point ${point}`), ...hook.features.map((feature) => `feature ${feature}`)]),
  );
}
