/** ISO 8601 UTC with milliseconds. */
export const iso = (ms: number): string => new Date(ms).toISOString();
export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));
/** A caller's ISO time as epoch milliseconds. */
export const epoch = (text: string): number => Date.parse(text);
/** The end of a period that includes the caller's own time: stores take periods half-open. */
export const epochAfter = (text: string): number => epoch(text) + 1;
