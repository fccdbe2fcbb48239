import type { Phase } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import { isObject, type Json } from '../json.ts';
import { elementKey, equalJson, isLeafObject, listRuleAt, readSchema } from './keyed.ts';
import type { Change, MutationPoint, PlanSchema } from './plan.ts';
import { coversPath, formatPointer, parsePointer } from './pointer.ts';

export interface GuardInput {
  readonly changes: readonly Change[];
  /** The paths of the changes, as segments. */
  readonly paths: readonly (readonly string[])[];
  readonly before: Json;
  readonly schema: PlanSchema;
  readonly phase: Phase;
  /** The points that this hook declared and that are open in this phase. */
  readonly open: readonly MutationPoint[];
  readonly extension: string;
}

/**
 * Judges the result of a hook, whatever operations led to it: every changed leaf must lie inside an open point and outside everything
 * reserved. Throws `reserved_field` (it wins) or `point_closed`. Looks only at the changes.
 */
export function guardChanges(input: GuardInput): void {
  if (input.changes.length === 0) return;
  const leaves = changedLeaves(input.changes, input.paths, input.schema);
  const { reserved, points } = readSchema(input.schema);
  for (const leaf of leaves) {
    if (reserved.some((pattern) => coversPath(pattern, leaf))) throw reservedField(input, leaf);
  }
  const open = points.filter(({ point }) => input.open.some((candidate) => candidate.name === point.name));
  for (const leaf of leaves) {
    if (!open.some(({ segments }) => coversPath(segments, leaf))) throw pointClosed(input, leaf);
  }
}

/** The leaves that differ between before and after. What was removed here and added there unchanged is no change of its leaves. */
function changedLeaves(changes: readonly Change[], paths: readonly (readonly string[])[], schema: PlanSchema): readonly (readonly string[])[] {
  const changed = new Map<string, readonly string[]>();
  const whole: { readonly change: Change; readonly path: readonly string[] }[] = [];
  for (const [i, change] of changes.entries()) {
    const path = paths[i] ?? parsePointer(change.path);
    if (isContainer(change.before) || isContainer(change.after)) whole.push({ change, path });
    else changed.set(change.path, path);
  }
  if (whole.length === 0) return [...changed.values()];
  const was = new Map<string, Leaf>();
  const is = new Map<string, Leaf>();
  for (const { change, path } of whole) {
    // An element that moves in an ordered list changes as such, though each of its fields stays.
    if (change.beforeKey !== undefined) changed.set(change.path, path);
    if (change.before !== undefined) collect(change.before, path, schema, was);
    if (change.after !== undefined) collect(change.after, path, schema, is);
  }
  for (const [pointer, leaf] of was) {
    const now = is.get(pointer);
    if (now === undefined || !equalJson(leaf.value, now.value)) changed.set(pointer, leaf.path);
  }
  for (const [pointer, leaf] of is) {
    if (!was.has(pointer)) changed.set(pointer, leaf.path);
  }
  return [...changed.values()];
}

interface Leaf {
  readonly path: readonly string[];
  readonly value: Json;
}

function isContainer(value: Json | undefined): boolean {
  return typeof value === 'object' && value !== null;
}

/** Lists without keys are opened by index, so that a pattern which reaches into one is seen. */
function collect(value: Json, path: readonly string[], schema: PlanSchema, into: Map<string, Leaf>): void {
  if (Array.isArray(value) && value.length > 0) {
    const rule = listRuleAt(schema, path);
    for (const [i, element] of value.entries()) {
      collect(element, [...path, rule === null ? String(i) : elementKey(element, rule, path)], schema, into);
    }
  } else if (isObject(value) && !isLeafObject(value)) {
    for (const key of Object.keys(value)) {
      const member = value[key];
      if (member !== undefined) collect(member, [...path, key], schema, into);
    }
  } else {
    into.set(formatPointer(path), { path, value });
  }
}

function reservedField(input: GuardInput, leaf: readonly string[]): TenonError {
  const path = formatPointer(leaf);
  return new TenonError(
    'reserved_field',
    `${input.extension} changed ${path || 'the whole plan'} in ${input.phase}, which is reserved: no extension may change it`,
    {
      extension: input.extension,
      phase: input.phase,
      path,
      hint: 'Leave this field as it is; the driver or the operator sets it. Use a label, variable or element of your own instead.',
    },
  );
}

function pointClosed(input: GuardInput, leaf: readonly string[]): TenonError {
  const path = formatPointer(leaf);
  return new TenonError(
    'point_closed',
    `${input.extension} changed ${path || 'the whole plan'} in ${input.phase}, where no point that it declared is open for it`,
    {
      extension: input.extension,
      phase: input.phase,
      path,
      hint: wayOut(input, leaf),
    },
  );
}

function wayOut(input: GuardInput, leaf: readonly string[]): string {
  const around = readSchema(input.schema)
    .points.filter(({ segments }) => coversPath(segments, leaf))
    .map(({ point }) => point);
  const here = around.find((point) => point.openIn.includes(input.phase));
  if (here !== undefined) return `Declare the point ${here.name} for the hook ${input.phase} in the manifest.`;
  const other = around[0];
  if (other !== undefined) return `The point ${other.name} is open in ${other.openIn.join(', ') || 'no phase'}: change it there, and declare it for that hook.`;
  return `No mutation point of ${input.schema.kind} covers this field. Points: ${input.schema.points.map((point) => point.name).join(', ') || 'none'}.`;
}
