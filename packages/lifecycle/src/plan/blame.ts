import type { BlameOwner, BlameView } from '../engine.ts';
import { TenonError } from '../errors.ts';
import { isObject, type Json } from '../json.ts';
import type { SandboxRequest } from '../records.ts';
import { equalJson, valueAt } from './keyed.ts';
import type { AuthoredChange, PlanRevision, PlanSchema } from './plan.ts';
import { coversPath, formatPointer, isUnder, parsePointer } from './pointer.ts';
import { resolvePoint } from './points.ts';
import { rebuild } from './rebuild.ts';

type HistoryEntry = BlameView['history'][number];

/**
 * Where a field of the plan comes from: the request, the driver's planner, or the extension that set it last, with everything that
 * happened to it. Works for fields below an owned element and for whole parts. Throws `not_found` where the plan never had the path.
 */
export function blame(input: {
  readonly path: string;
  readonly revisions: readonly PlanRevision[];
  readonly schema: PlanSchema;
  readonly request: SandboxRequest;
}): BlameView {
  const { path, schema, request } = input;
  const segments = parsePointer(path);
  const revisions = [...input.revisions].sort((a, b) => a.number - b.number);
  const first = revisions[0];
  const last = revisions.at(-1);
  if (first === undefined || last === undefined || first.value === null) throw new TenonError('not_found', 'This sandbox has no plan yet', { path });

  const original = valueAt(first.value, segments, schema);
  const origin = originOf(segments, original, request, schema, first.by.name);
  const history: HistoryEntry[] = [];
  if (original !== undefined) history.push({ ...origin, op: 'add', before: null, after: original, reason: null });
  let owner: BlameOwner = origin;
  for (const revision of revisions) {
    for (const change of revision.changes) {
      const entry = entryOf(change, path, segments, schema);
      if (entry === null) continue;
      history.push(entry);
      // A change below makes nobody the owner of the whole part around it.
      if (isUnder(path, change.path)) owner = authorOf(change);
    }
  }
  if (history.length === 0) throw unknownPath(path, segments, revisions, schema);
  const value = valueAt(rebuild(revisions, last.number, schema), segments, schema);
  return { path, value: value ?? null, owner, history };
}

function authorOf(change: AuthoredChange): BlameOwner {
  return { kind: 'extension', name: change.by.extension, phase: change.by.phase, revision: change.by.revision };
}

/** What one change did to the field: itself, the part of an element around it, or something below it. */
function entryOf(change: AuthoredChange, path: string, segments: readonly string[], schema: PlanSchema): HistoryEntry | null {
  const common = { ...authorOf(change), reason: change.reason };
  if (isUnder(change.path, path)) return { ...common, op: change.op, before: change.before ?? null, after: change.after ?? null };
  if (!isUnder(path, change.path)) return null;
  const around = parsePointer(change.path);
  const before = change.before === undefined ? undefined : valueBelow(change.before, around, segments, schema);
  const after = change.after === undefined ? undefined : valueBelow(change.after, around, segments, schema);
  if (before === undefined && after === undefined) return null;
  const op = before === undefined ? 'add' : after === undefined ? 'remove' : 'replace';
  return { ...common, op, before: before ?? null, after: after ?? null };
}

function valueBelow(value: Json, at: readonly string[], path: readonly string[], schema: PlanSchema): Json | undefined {
  return valueAt(value, path, schema, at.length);
}

/** Who gave the value that the planner started from. */
function originOf(path: readonly string[], value: Json | undefined, request: SandboxRequest, schema: PlanSchema, driver: string): BlameOwner {
  const given =
    value !== undefined && (givenByPart(path, value, request, schema) || givenByName(path, value, request) || givenByDriverConfig(path, value, request));
  return given ? { kind: 'request', name: 'request', phase: null, revision: null } : { kind: 'driver', name: driver, phase: null, revision: null };
}

/** Labels, environment and resources stand where the driver says that the neutral points are. */
function givenByPart(path: readonly string[], value: Json, request: SandboxRequest, schema: PlanSchema): boolean {
  const below = (part: string): readonly string[] | null => {
    const point = resolvePoint(`*.${part}`, schema);
    const at = point === null ? null : parsePointer(point.path);
    return at !== null && path.length > at.length && coversPath(at, path) ? path.slice(at.length) : null;
  };
  const label = below('labels');
  if (label?.length === 1 && equalJson(request.template.labels[label[0] ?? ''], value)) return true;
  const name = below('env')?.[0];
  if (name !== undefined) return Object.hasOwn(request.environment, name) || Object.hasOwn(request.template.environment, name);
  const resource = below('resources');
  if (resource !== null) {
    const { cpuLimit, cpuRequest, memoryLimit, memoryRequest } = request.template.resources;
    const named = (part: string): boolean => resource.some((segment) => segment.toLowerCase().startsWith(part));
    return (named('cpu') && (cpuLimit ?? cpuRequest) !== undefined) || (named('memory') && (memoryLimit ?? memoryRequest) !== undefined);
  }
  return false;
}

function givenByName(path: readonly string[], value: Json, request: SandboxRequest): boolean {
  const image = path.at(-1) === 'image' && value === request.template.image;
  const at = path.indexOf('command');
  const command = at >= 0 && request.command.length > 0 && equalJson(value, at === path.length - 1 ? request.command : request.command[Number(path[at + 1])]);
  const gpu = request.gpu !== null && path.some((segment) => segment === 'devices' || segment.startsWith('gpu'));
  return image || command || gpu;
}

/** A field of the driver's config block that the plan has under the same name. */
function givenByDriverConfig(path: readonly string[], value: Json, request: SandboxRequest): boolean {
  const fold = (name: string): string => name.replaceAll('_', '').toLowerCase();
  const blocks: Json[] = [...Object.values(request.template.driverConfig), request.template.platformConfig];
  return blocks.some(
    (block) => isObject(block) && Object.entries(block).some(([key, member]) => path.some((segment) => fold(segment) === fold(key)) && holds(member, value)),
  );
}

function holds(around: Json | undefined, value: Json): boolean {
  if (around === undefined) return false;
  if (equalJson(around, value)) return true;
  return typeof around === 'object' && around !== null && Object.values(around).some((member) => holds(member, value));
}

function unknownPath(path: string, segments: readonly string[], revisions: readonly PlanRevision[], schema: PlanSchema): TenonError {
  const last = revisions.at(-1);
  const plan = last === undefined ? null : rebuild(revisions, last.number, schema);
  let depth = segments.length - 1;
  while (depth > 0 && plan !== null && valueAt(plan, segments.slice(0, depth), schema) === undefined) depth -= 1;
  const near = segments.slice(0, Math.max(depth, 0));
  const parent = plan === null ? undefined : valueAt(plan, near, schema);
  const names = isObject(parent) ? Object.keys(parent).slice(0, 20) : [];
  return new TenonError('not_found', `The plan has nothing at ${path}, and never had`, {
    path,
    hint:
      names.length > 0
        ? `At ${formatPointer(near) || 'the top'} it has: ${names.join(', ')}.`
        : `Write the path with the element's key after a list, as in /mounts/~1data/readOnly.`,
  });
}
