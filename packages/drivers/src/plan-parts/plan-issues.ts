import { isObject, type Json, type PlanIssue, type PlanSchema } from '@tenon/lifecycle';
import { z } from 'zod';
import { escapeSegment } from './identity.ts';

/** Text that a backend can carry: no NUL. */
export const text = z.string({ error: 'must be text' }).refine((value) => !value.includes('\0'), 'must not contain NUL');

/** Text, or the reference to a secret that only the client resolves. */
export const textOrSecret = z.union([text, z.strictObject({ $secret: z.string() })], { error: 'must be text without NUL, or a secret reference' });

export const labels = z.record(text, text);

/** A shape's complaints as plan issues: paths are keyed, an unknown field is named at its own path. */
export function shapeIssues(shape: z.ZodType, plan: Json, schema: PlanSchema): readonly PlanIssue[] {
  const parsed = shape.safeParse(plan);
  if (parsed.success) return [];
  return parsed.error.issues.flatMap((issue): readonly PlanIssue[] => {
    const path = keyedPath(plan, issue.path, schema);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ path: `${path}/${escapeSegment(key)}`, message: `"${key}" is no part of this plan`, hint: `remove ${key}` }));
    }
    return [{ path, message: issue.message }];
  });
}

/** Elements of a keyed list that share a key. */
export function duplicateIssues(listPath: string, keys: readonly string[]): readonly PlanIssue[] {
  const seen = new Set<string>();
  const issues: PlanIssue[] = [];
  for (const key of keys) {
    if (seen.has(key))
      issues.push({ path: `${listPath}/${escapeSegment(key)}`, message: `"${key}" stands twice in ${listPath.slice(1)}`, hint: 'keep one of them' });
    seen.add(key);
  }
  return issues;
}

function keyedPath(plan: Json, path: readonly PropertyKey[], schema: PlanSchema): string {
  let value: unknown = plan;
  let pattern = '';
  let keyed = '';
  for (const segment of path) {
    const rule = schema.lists.find((list) => list.path === pattern);
    let name = String(segment);
    if (Array.isArray(value)) {
      value = value[Number(segment)];
      if (rule !== undefined && rule.key !== 'set' && isObject(value)) {
        const element = value;
        name = rule.key.map((field) => String(element[field] ?? '')).join(',');
      }
      pattern += '/*';
    } else {
      value = isObject(value) ? value[name] : undefined;
      pattern += `/${escapeSegment(name)}`;
    }
    keyed += `/${escapeSegment(name)}`;
  }
  return keyed;
}
