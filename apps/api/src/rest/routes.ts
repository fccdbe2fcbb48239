import { accessRoutes } from './access.ts';
import { activationRoutes } from './activations.ts';
import { driverRoutes } from './drivers.ts';
import { effectRoutes } from './effects.ts';
import { extensionRoutes } from './extensions.ts';
import { planRoutes } from './plans.ts';
import { runRoutes } from './runs.ts';
import { sandboxRoutes } from './sandboxes.ts';

/** Every REST route, as the server mounts them and the OpenAPI document lists them. */
export const restRoutes = [
  ...extensionRoutes,
  ...activationRoutes,
  ...driverRoutes,
  ...sandboxRoutes,
  ...planRoutes,
  ...runRoutes,
  ...effectRoutes,
  ...accessRoutes,
];
