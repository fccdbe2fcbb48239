import { createHash } from 'node:crypto';

/** The same over every attempt of one phase of one extension in one run, and for its releases; another in the next run. */
export function idempotencyKey(runId: string, phase: string, extension: string): string {
  return digest([runId, phase, extension]);
}

/** The key under which one generation of a shared thing is made and released. */
export function sharedKey(extension: string, kind: string, key: string, generation: number): string {
  return digest([extension, kind, key, String(generation)]);
}

function digest(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 40);
}
