import { audit, tokens } from './access.ts';
import { activations } from './activations.ts';
import { router } from './base.ts';
import { drivers, matrix } from './drivers.ts';
import { effects } from './effects.ts';
import { extensions } from './extensions.ts';
import { runs } from './runs.ts';
import { sandboxes } from './sandboxes.ts';
import { session } from './session.ts';

/** The tRPC door: the same use-cases as REST, typed for TypeScript clients. Events come over `GET /api/v1/events`. */
export const appRouter = router({ session, extensions, activations, drivers, matrix, sandboxes, runs, effects, audit, tokens });
export type AppRouter = typeof appRouter;
