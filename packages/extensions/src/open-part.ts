import { type HookContext, isObject, type Json, type JsonObject } from '@tenon/lifecycle';

/**
 * The part of the plan that a driver-neutral point (`*.labels`) means on the driver at hand: what the engine opened tells its path.
 * `names` are the last words of the points that mean it (`docker.labels`, `external.environment`). Null where none is open or it holds no object.
 */
export function openPart(ctx: Pick<HookContext, 'open' | 'plan'>, names: readonly string[]): JsonObject | null {
  const found = ctx.open.find(({ point }) => names.includes(point.slice(point.lastIndexOf('.') + 1)));
  if (found === undefined) return null;
  let part: Json | undefined = ctx.plan;
  for (const escaped of found.path.split('/').slice(1)) {
    const segment = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isObject(part) || !Object.hasOwn(part, segment)) return null;
    part = part[segment] as Json;
  }
  return isObject(part) ? (part as JsonObject) : null;
}
