import { SECRET_REF_KEY } from '@tenon/vocabulary';
import type { IncomingRequest, IncomingValue } from '../engine.ts';
import { TenonError } from '../errors.ts';
import { isObject, type Json } from '../json.ts';
import type { SandboxRequest } from '../records.ts';
import { elementKey, listRuleAt, readSchema } from './keyed.ts';
import type { Change, PlanSchema, SecretRef } from './plan.ts';
import { coversPath, formatPointer, parsePointer, segmentMatches } from './pointer.ts';

/**
 * Takes every secret out of a request at the door: environment whose name matches `pattern` (case-folded), and values marked `{secret}`.
 * The request then holds references only; the plain text stands in `secrets`, by id. Throws `validation_failed` where a block of the
 * request pretends to be a reference.
 */
export function takeSecrets(
  request: IncomingRequest,
  options: { readonly pattern: RegExp; readonly newId: () => string },
): { request: SandboxRequest; secrets: Map<string, string> } {
  refuseForged(request.template.driverConfig, ['template', 'driverConfig']);
  refuseForged(request.template.platformConfig, ['template', 'platformConfig']);
  refuseForged(request.extensionConfig, ['extensionConfig']);
  // Case-folded whatever its flags; with g or y it would remember where it stood.
  const pattern = new RegExp(options.pattern.source, `i${options.pattern.flags.replace(/[giy]/g, '')}`);
  const secrets = new Map<string, string>();
  const take = (environment: Readonly<Record<string, IncomingValue>>): Record<string, string | SecretRef> =>
    Object.fromEntries(
      Object.entries(environment).map(([name, value]) => {
        if (typeof value === 'string' && !pattern.test(name)) return [name, value];
        const id = options.newId();
        secrets.set(id, typeof value === 'string' ? value : value.secret);
        return [name, { $secret: id }];
      }),
    );
  return {
    request: {
      ...request,
      template: { ...request.template, environment: take(request.template.environment) },
      environment: take(request.environment),
      claims: request.claims ?? {},
    },
    secrets,
  };
}

/** The ids of every reference in a value. */
export function secretRefs(value: Json): Set<string> {
  const ids = new Set<string>();
  eachRef(value, [], (ref) => {
    const id = refId(ref);
    if (id !== null) ids.add(id);
  });
  return ids;
}

/**
 * A hook may move or drop a reference, never make one. Throws `patch_invalid` where a changed value holds one that is malformed, stands
 * where the schema lets no secret stand, or did not stand in this plan before.
 */
export function checkSecretRefs(input: {
  readonly before: Json;
  readonly changes: readonly Change[];
  /** The paths of the changes, as segments. */
  readonly paths: readonly (readonly string[])[];
  readonly schema: PlanSchema;
}): void {
  const allowed = readSchema(input.schema).secrets;
  let known: Set<string> | null = null;
  const judge = (ref: { [key: string]: Json }, path: readonly string[]): void => {
    const id = refId(ref);
    if (id === null) throw refuse(path, 'a secret reference is exactly {"$secret": "<id>"}');
    if (!allowed.some((pattern) => coversPath(pattern, path))) throw refuse(path, 'no secret may stand here');
    known ??= knownRefs(input.before, input.schema);
    if (!known.has(id)) throw refuse(path, 'this secret did not stand in the plan of this sandbox before');
  };
  for (const [i, change] of input.changes.entries()) {
    // Only an object can be a reference, or hold one.
    if (typeof change.after !== 'object' || change.after === null) continue;
    eachRef(change.after, input.paths[i] ?? parsePointer(change.path), judge, input.schema);
  }
}

/** Whether a change puts, moves or drops a secret: views then mark it `redacted`. */
export function isSecretChange(change: Change): boolean {
  return [change.before, change.after].some((value) => value !== undefined && holdsRef(value));
}

function holdsRef(value: Json): boolean {
  if (Array.isArray(value)) return value.some(holdsRef);
  if (!isObject(value)) return false;
  return Object.hasOwn(value, SECRET_REF_KEY) || Object.values(value).some((member) => member !== undefined && holdsRef(member));
}

/** References can stand only where the schema says: nothing else of the plan is walked. */
function knownRefs(plan: Json, schema: PlanSchema): Set<string> {
  const ids = new Set<string>();
  const walk = (value: Json, path: readonly string[], patterns: readonly (readonly string[])[]): void => {
    if (patterns.some((pattern) => pattern.length === path.length)) {
      for (const id of secretRefs(value)) ids.add(id);
      return;
    }
    for (const [segment, member] of members(value, path, schema)) {
      const rest = patterns.filter((pattern) => segmentMatches(pattern[path.length] ?? '', segment));
      if (rest.length > 0) walk(member, [...path, segment], rest);
    }
  };
  const { secrets } = readSchema(schema);
  if (secrets.length > 0) walk(plan, [], secrets);
  return ids;
}

function eachRef(value: Json, path: readonly string[], visit: (ref: { [key: string]: Json }, path: readonly string[]) => void, schema?: PlanSchema): void {
  if (isObject(value) && !Array.isArray(value) && Object.hasOwn(value, SECRET_REF_KEY)) {
    visit(value, path);
    return;
  }
  for (const [segment, member] of members(value, path, schema)) eachRef(member, [...path, segment], visit, schema);
}

function members(value: Json, path: readonly string[], schema?: PlanSchema): [string, Json][] {
  if (Array.isArray(value)) {
    const rule = schema === undefined ? null : listRuleAt(schema, path);
    return value.map((element, i) => [rule === null ? String(i) : elementKey(element, rule, path), element]);
  }
  return isObject(value) ? Object.entries(value) : [];
}

function refId(ref: { readonly [key: string]: Json }): string | null {
  const id = ref[SECRET_REF_KEY];
  return typeof id === 'string' && id !== '' && Object.keys(ref).length === 1 ? id : null;
}

function refuseForged(value: unknown, path: readonly string[]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === SECRET_REF_KEY) {
      throw new TenonError('validation_failed', `A request cannot refer to a secret by id (${formatPointer([...path, key])})`, {
        pointer: formatPointer([...path, key]),
        hint: 'Send secrets as environment, either under a name that matches the secret pattern or as {"secret": "<value>"}.',
      });
    }
    refuseForged(member, [...path, key]);
  }
}

function refuse(path: readonly string[], why: string): TenonError {
  const pointer = formatPointer(path);
  return new TenonError('patch_invalid', `At ${pointer || 'the top of the plan'}: ${why}`, {
    path: pointer,
    hint: 'An extension may move or drop a secret reference that the plan holds, and only to where this driver lets secrets stand.',
  });
}
