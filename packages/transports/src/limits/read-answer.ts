import { answeredJson, storable, TenonError } from '@tenon/lifecycle';
import type { z } from 'zod';
import type { AnswerLimits } from './answer-limits.ts';
import { scanJson } from './scan-json.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** An answer outside the contract: never retried. `who` names the extension and the call, e.g. `quota: /v1/hook`. */
export function protocolError(who: string, message: string, cause?: unknown): TenonError {
  return new TenonError('hook_protocol_error', `${who} answered outside the contract: ${message}`, {}, cause);
}

/**
 * Bytes of an answer to a value that is known to be plain JSON within the bounds: nesting, duplicate keys, keys that never resolve,
 * numbers beyond range, NUL and lone surrogates are `hook_protocol_error`.
 */
export function readJson(bytes: Uint8Array, who: string, limits: AnswerLimits): unknown {
  if (bytes.length === 0) throw protocolError(who, 'the body is empty; an answer is a JSON object');
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch (thrown) {
    throw protocolError(who, 'the body is not UTF-8', thrown);
  }
  const fault = scanJson(text, limits.planDepth);
  if (fault?.kind === 'depth') throw protocolError(who, `the body is nested deeper than ${limits.planDepth} levels`);
  if (fault) throw protocolError(who, `the key ${JSON.stringify(storable(fault.key, 80))} stands twice in one object`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw protocolError(who, `the body is not JSON; it begins with ${JSON.stringify(oneLine(text, 80))}`, thrown);
  }
  try {
    return answeredJson(value, 'the body', { planBytes: Number.MAX_SAFE_INTEGER, planDepth: limits.planDepth + 1 });
  } catch (thrown) {
    throw thrown instanceof TenonError ? protocolError(who, thrown.message, thrown) : thrown;
  }
}

/** The value as the schema types it; every refused field is named with its rule. */
export function judge<S extends z.ZodType>(schema: S, value: unknown, who: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.slice(0, 5).map(describeIssue);
  const more = parsed.error.issues.length - faults.length;
  throw protocolError(who, `${faults.join('; ')}${more > 0 ? `; and ${more} more` : ''}`);
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const field = issue.path.reduce<string>(
    (path, part) => (typeof part === 'number' ? `${path}[${part}]` : path ? `${path}.${String(part)}` : String(part)),
    '',
  );
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => JSON.stringify(storable(key, 80))).join(', ');
    return `unknown ${issue.keys.length > 1 ? 'fields' : 'field'} ${keys}${field ? ` in ${field}` : ''}`;
  }
  return `${field ? storable(field, 200) : 'the body'}: ${issue.message}`;
}

/** The first line of a text, bounded and fit to be stored. */
export function oneLine(text: string, max = 200): string {
  return storable(text.trim().split(/[\r\n]/, 1)[0] ?? '', max);
}
