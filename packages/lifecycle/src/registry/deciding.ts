import type { ActivationRow, ExtensionRecord, SandboxRequest } from '../records.ts';
import type { AlwaysOn } from './always-on.ts';
import { compareText } from './compare-text.ts';
import { scopeCovers, scopeText, specificity } from './scope.ts';

/** What decides about one extension: an activation, or a wrapper's entry seen as one. */
export type Deciding = Pick<ActivationRow, 'extension' | 'revision' | 'config' | 'order' | 'failurePolicy' | 'overrides' | 'requestSettable' | 'mode'> & {
  readonly activation: ActivationRow | null;
  readonly entry: AlwaysOn | null;
  /** As messages name it. */
  readonly text: string;
};

export interface Candidates {
  readonly request: Pick<SandboxRequest, 'driver' | 'workspace'>;
  readonly activations: readonly ActivationRow[];
  readonly alwaysOn?: readonly AlwaysOn[];
}

/** The activations of an extension whose scope the request is in. */
export function applicable(name: string, { activations, request }: Candidates): readonly ActivationRow[] {
  return activations.filter((row) => row.extension === name && scopeCovers(row.scope, request.driver, request.workspace));
}

/** The wrapper's entry, else the most specific activation in scope: it decides alone. */
export function decidingFor(extension: ExtensionRecord, input: Candidates): Deciding | null {
  const entry = input.alwaysOn?.find((candidate) => candidate.extension === extension.name);
  if (entry) {
    const { config, order, failurePolicy, overrides } = entry;
    const revision = entry.revision ?? extension.latest;
    const text = `the always-on entry of wrapper ${entry.wrapper}`;
    return {
      extension: extension.name,
      revision,
      config,
      order,
      failurePolicy,
      overrides,
      requestSettable: [],
      mode: 'enforce',
      activation: null,
      entry,
      text,
    };
  }
  // Equally specific ones cannot overlap; the id only makes the choice the same everywhere if a store holds such a pair all the same.
  const [first] = [...applicable(extension.name, input)].sort(
    (left, right) => specificity(right.scope) - specificity(left.scope) || compareText(left.id, right.id),
  );
  return first ? { ...first, activation: first, entry: null, text: `activation ${first.id} (${scopeText(first.scope)})` } : null;
}
