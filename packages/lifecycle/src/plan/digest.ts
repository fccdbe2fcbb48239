import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { TenonError } from '../errors.ts';

/** Canonical JSON (RFC 8785): the same text for equal values, whatever their key order. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new TenonError('internal', `A value of type ${typeof value} has no canonical JSON`);
  return text;
}

/** SHA-256, hex, of the canonical JSON. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
