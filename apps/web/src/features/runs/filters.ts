import { ERROR_CODE_NAMES, OPERATIONS, PHASE_NAMES, RUN_STATUSES } from '@tenon/vocabulary';
import { parseAsArrayOf, parseAsBoolean, parseAsString, parseAsStringLiteral } from 'nuqs';
import { ZOOMS } from './trace/scale.ts';

/** The filters of the runs' lists as they stand in the address. Names are those of the API. */
export const runFilters = {
  status: parseAsArrayOf(parseAsStringLiteral(RUN_STATUSES)).withDefault([]),
  operation: parseAsStringLiteral(OPERATIONS),
  driver: parseAsString,
  workspace: parseAsString,
  extension: parseAsString,
  phase: parseAsStringLiteral(PHASE_NAMES),
  code: parseAsStringLiteral(ERROR_CODE_NAMES),
  sandboxId: parseAsString,
};

/** The view of one run as it stands in the address: the link is the incident record. */
export const runView = {
  attempt: parseAsString,
  zoom: parseAsStringLiteral(ZOOMS).withDefault('all'),
  q: parseAsString.withDefault(''),
  /** Rows that stand otherwise than they started. */
  fold: parseAsArrayOf(parseAsString).withDefault([]),
  critical: parseAsBoolean.withDefault(true),
};

/** Filters as the API takes them: what is not set is left out. */
export function definedOnly<T extends Record<string, unknown>>(filters: T): { [K in keyof T]?: Exclude<T[K], null | undefined> } {
  const entries = Object.entries(filters).filter(
    ([, value]) => value !== null && value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], null | undefined> };
}
