import { TenonError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { ActivationRow, ExtensionRecord } from '../records.ts';

/** An always-on entry of a wrapper in the driver's chain: an activation whose scope is that wrapper. */
export interface AlwaysOn {
  readonly wrapper: string;
  /** The wrapper's place in the chain, 0 for the innermost. */
  readonly place: number;
  readonly extension: string;
  /** Null: the latest revision. */
  readonly revision: string | null;
  readonly order: number;
  readonly config: JsonObject;
  readonly failurePolicy: ActivationRow['failurePolicy'];
  readonly overrides: ActivationRow['overrides'];
}

/**
 * Refuses a chain that holds one extension twice (`validation_failed`), and one that needs an extension that nobody registered
 * (`revision_unavailable`): a wrapper without what its operator put around every sandbox must not create any.
 */
export function checkAlwaysOn(entries: readonly AlwaysOn[], extensions: readonly Pick<ExtensionRecord, 'name'>[]): void {
  for (const [index, entry] of entries.entries()) {
    const other = entries.slice(0, index).find((earlier) => earlier.extension === entry.extension);
    if (other) {
      throw new TenonError('validation_failed', `extension ${entry.extension} is always on twice in this chain: by ${other.wrapper} and by ${entry.wrapper}`, {
        extension: entry.extension,
        hint: 'Remove it from one of the two wrappers.',
      });
    }
    if (extensions.some(({ name }) => name === entry.extension)) continue;
    throw new TenonError('revision_unavailable', `wrapper ${entry.wrapper} needs extension ${entry.extension}, which is not registered`, {
      extension: entry.extension,
      hint: 'Register that extension, or remove it from the wrapper.',
    });
  }
}
