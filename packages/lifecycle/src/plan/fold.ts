import type { Phase } from '@tenon/vocabulary';
import { storable } from '../errors.ts';
import type { Json } from '../json.ts';
import type { HookAnswer } from '../ports/transport.ts';
import { applyChanges } from './apply-changes.ts';
import { comparePlans } from './diff.ts';
import { isDraftResult } from './draft.ts';
import { guardChanges } from './guard.ts';
import type { Author, Override, Owners } from './owners.ts';
import { applyPatches, type PatchLimits } from './patch.ts';
import type { AuthoredChange, Change, PlanSchema } from './plan.ts';
import { parsePointer } from './pointer.ts';
import { openPoints } from './points.ts';
import { checkSecretRefs } from './secrets.ts';

export interface FoldInput {
  readonly before: Json;
  readonly edit: HookAnswer['edit'];
  readonly schema: PlanSchema;
  readonly phase: Phase;
  /** Names of the points that the hook declared, required and optional. */
  readonly declared: readonly string[];
  readonly owners: Owners;
  readonly author: Author;
  /** What both the manifest and the activation allow. */
  readonly overrides: readonly Override[];
  /** The hook's own message. */
  readonly reason: string | null;
  readonly limits?: PatchLimits;
}

export interface Folded {
  readonly value: Json;
  readonly changes: readonly AuthoredChange[];
  readonly owners: Owners;
}

/**
 * The one path by which a hook's answer, draft or patches, becomes the next revision: compare, guard, secrets, owners, apply. All of it
 * or nothing: on any error `before` and `owners` are as they were. The edit of a draft costs what it touched, not what the plan holds.
 */
export function foldEdit(input: FoldInput): Folded {
  const { before, edit, schema, phase, author } = input;
  if (edit === null) return { value: before, changes: [], owners: input.owners };
  const after = edit.kind === 'patches' ? applyPatches(before, edit.patches, input.limits) : edit.value;
  const sound = isDraftResult(after);
  const { changes, lists } = comparePlans(before, after, schema, input.limits, sound);
  if (changes.length === 0) return { value: before, changes: [], owners: input.owners };
  const paths = changes.map((change) => parsePointer(change.path));
  guardChanges({ changes, paths, before, schema, phase, open: openPoints(input.declared, schema, phase), extension: author.extension });
  checkSecretRefs({ before, changes, paths, schema });
  const owners = input.owners.clone();
  const overrode = owners.claim(changes, author, input.overrides, paths);
  const by = { extension: author.extension, revision: author.revision, phase: author.phase };
  const reason = oneLine(input.reason);
  return {
    // A draft's own result is the same plan, except for the order of lists that it touched.
    value: !lists && sound ? (after as Json) : applyChanges(before, changes, schema),
    changes: changes.map((change, i) => authored(change, by, reason, overrode[i] ?? null)),
    owners,
  };
}

/** Field by field: a spread of changes of three shapes is the dearest part of a small edit. */
function authored(change: Change, by: AuthoredChange['by'], reason: string | null, overrode: string | null): AuthoredChange {
  const made: { -readonly [K in keyof AuthoredChange]: AuthoredChange[K] } = { op: change.op, path: change.path, by, reason, overrode };
  if (change.before !== undefined) made.before = change.before;
  if (change.after !== undefined) made.after = change.after;
  if (change.beforeKey !== undefined) made.beforeKey = change.beforeKey;
  return made;
}

function oneLine(reason: string | null): string | null {
  if (reason === null) return null;
  const line = storable(reason.slice(0, 8192).replace(/\s+/gu, ' ').trim(), 500);
  return line === '' ? null : line;
}
