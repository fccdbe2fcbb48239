import { TenonError } from '@tenon/lifecycle';
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** Parses at a door; the refusal names the field, the rule and the way out. `where` says what was read, for `pointer`s of a query. */
export function parse<T extends z.ZodType>(schema: T, value: unknown, where: 'body' | 'query' = 'body'): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw refusalOf(result.error.issues, where === 'query' ? 'query' : '');
}

/** One failure of many issues: the first decides code and pointer, the others are named in the hint. */
export function refusalOf(issues: readonly Issue[], where: '' | 'query'): TenonError {
  const flat = issues.flatMap((issue) => flatten(issue, []));
  const unknown = flat.filter((issue) => issue.keys.length > 0);
  const first = unknown[0] ?? flat[0];
  if (first === undefined) return new TenonError('validation_failed', 'the value is not accepted');
  if (first.keys.length > 0) {
    const names = unknown.flatMap((issue) => issue.keys.map((key) => pointerOf([...issue.path, key]).slice(1)));
    const kind = where === 'query' ? 'query parameter' : 'field';
    return new TenonError('unknown_field', `unknown ${kind}${names.length === 1 ? '' : 's'}: ${names.join(', ')}`, {
      pointer: pointerOf([...first.path, ...first.keys.slice(0, 1)]),
      hint: `Leave ${names.length === 1 ? 'it' : 'them'} out, or correct the spelling; /api/docs lists what is known.`,
    });
  }
  const others = flat.slice(1).map((issue) => `${pointerOf(issue.path) || 'the value'}: ${issue.message}`);
  const named = pointerOf(first.path);
  return new TenonError('validation_failed', `${named === '' ? 'the value' : named.slice(1)}: ${first.message}`, {
    pointer: named,
    ...(others.length === 0 ? { hint: 'Correct this field; /api/docs says what it takes.' } : { hint: `Also: ${others.slice(0, 8).join('; ')}` }),
  });
}

export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

interface FlatIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly keys: readonly string[];
}

/** A union's issues are those of the alternative that came nearest: the one with the fewest complaints. */
function flatten(issue: Issue, base: readonly PropertyKey[]): FlatIssue[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'unrecognized_keys') return [{ path, message: issue.message, keys: issue.keys }];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const alternatives = issue.errors.map((errors) => errors.flatMap((inner) => flatten(inner, path)));
    const specific = alternatives.filter((errors) => errors.some((error) => error.path.length > path.length || error.keys.length > 0));
    const nearest = specific.sort((a, b) => weight(a) - weight(b))[0];
    if (nearest !== undefined) return nearest;
  }
  if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
    const inner = issue.issues.map((nested) => nested.message).join('; ');
    return [{ path, message: inner || issue.message, keys: [] }];
  }
  return [{ path, message: issue.message, keys: [] }];
}

/** Every unknown name counts, so that a long body is not measured against the wrong alternative. */
const weight = (issues: readonly FlatIssue[]): number => issues.reduce((sum, issue) => sum + Math.max(1, issue.keys.length), 0);
