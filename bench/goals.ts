import type { Outcome } from './figures.ts';

/** Every goal by the name that `npm run bench -- <name>` takes; each in a file of its own, loaded only where it runs. */
export const GOALS: Readonly<Record<string, () => Promise<readonly Outcome[]>>> = {
  G1: async () => (await import('./g1-dispatch.ts')).g1Dispatch(),
  G2: async () => (await import('./g2-attribution.ts')).g2Attribution(),
  G3: async () => (await import('./g3-plan-size.ts')).g3PlanSize(),
  G4: async () => (await import('./g4-trace-flush.ts')).g4TraceFlush(),
  G5: async () => (await import('./g5-keyset.ts')).g5Keyset(),
  G6: async () => (await import('./g6-rest-read.ts')).g6RestRead(),
  G7: async () => (await import('./g7-docker-create.ts')).g7DockerCreate(),
  START: async () => (await import('./start.ts')).start(),
};
