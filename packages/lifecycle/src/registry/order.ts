import { compareText } from './compare-text.ts';

/** What decides an extension's turn. */
export interface Ordered {
  readonly name: string;
  readonly order: number;
  /** For an always-on entry: its wrapper's place in the chain, 0 for the innermost. Absent for an activation. */
  readonly place?: number;
}

/**
 * Setup order, total: always-on entries from the innermost wrapper outwards, then activations by `order`, then by name (code units).
 * When something was registered, or in which order it is given here, never counts.
 */
export function setupOrder<T extends Ordered>(extensions: readonly T[]): readonly T[] {
  return [...extensions].sort(compareOrdered);
}

/** Exactly the setup order, backwards. */
export function reverseOrder<T extends Ordered>(extensions: readonly T[]): readonly T[] {
  return [...setupOrder(extensions)].reverse();
}

function compareOrdered(left: Ordered, right: Ordered): number {
  return comparePlace(left.place, right.place) || left.order - right.order || compareText(left.name, right.name);
}

function comparePlace(left: number | undefined, right: number | undefined): number {
  if (left === right) return 0;
  if (left === undefined) return 1;
  return right === undefined ? -1 : left - right;
}
