import { TenonError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { DriverServices } from '../ports/driver.ts';
import type { SharedId, SharedThing } from '../ports/shared.ts';
import type { EffectFunctions } from '../ports/transport.ts';
import type { EngineDeps } from './deps.ts';
import { sharedKey } from './keys.ts';

const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
const POLL_MS = 50;

type Deps = Pick<EngineDeps, 'shared' | 'clock'>;

/**
 * Makes the thing for its first holder, or joins it. The holder's own row must be committed before this is called.
 * No transaction is held over `apply`: a lease on the thing's row serialises makers and leavers of all replicas.
 */
export function joinShared(
  deps: Deps,
  id: SharedId,
  input: Json,
  holder: string,
  functions: EffectFunctions,
  services: Partial<DriverServices>,
  signal: AbortSignal,
): Promise<Json> {
  return underLease(deps, id, signal, async (token, found) => {
    let thing = found;
    if (thing.state === 'releasing') {
      await functions.release(id.kind, { key: id.key, input: thing.input, handle: thing.handle, idempotencyKey: keyOf(id, thing), signal }, services);
      thing = await deps.shared.write(id, token, { state: 'absent', handle: null });
    }
    if (thing.state === 'absent')
      thing = await deps.shared.write(id, token, { state: 'creating', generation: thing.generation + 1, input, handle: null, holders: [] });
    if (thing.state === 'creating') {
      // Found under an expired lease, its maker may have got through: apply adopts what stands under the same key.
      const handle = await functions.apply(id.kind, { key: id.key, input: thing.input, idempotencyKey: keyOf(id, thing), signal }, services);
      thing = await deps.shared.write(id, token, { state: 'applied', handle });
    }
    if (!thing.holders.includes(holder)) thing = await deps.shared.write(id, token, { holders: [...thing.holders, holder] });
    return thing.handle;
  });
}

/**
 * Lets a holder go; the last one's leaving releases the thing. Leaving twice, or without having joined, is fine: a thing that
 * is half released, or half made with no holder, is then finished.
 */
export function leaveShared(
  deps: Deps,
  id: SharedId,
  holder: string,
  functions: EffectFunctions,
  services: Partial<DriverServices>,
  signal: AbortSignal,
): Promise<void> {
  return underLease(deps, id, signal, async (token, found) => {
    if (found.state === 'absent') return;
    const holders = found.holders.filter((each) => each !== holder);
    if (holders.length > 0) {
      if (holders.length !== found.holders.length) await deps.shared.write(id, token, { holders });
      return;
    }
    const thing = await deps.shared.write(id, token, { state: 'releasing', holders: [] });
    await functions.release(id.kind, { key: id.key, input: thing.input, handle: thing.handle, idempotencyKey: keyOf(id, thing), signal }, services);
    await deps.shared.write(id, token, { state: 'absent', handle: null });
  });
}

async function underLease<T>(deps: Deps, id: SharedId, signal: AbortSignal, work: (token: number, thing: SharedThing) => Promise<T>): Promise<T> {
  for (let wait = POLL_MS; ; wait = Math.min(wait * 1.5, 1_000)) {
    if (signal.aborted)
      throw new TenonError('hook_timed_out', `${id.kind} ${id.key} of ${id.extension} is being made or released by another sandbox and was not free in time`, {
        extension: id.extension,
      });
    const held = await deps.shared.lock(id, LEASE_MS);
    if (held === null) {
      await deps.clock.sleep(wait * (0.5 + deps.clock.random()), signal);
      continue;
    }
    let over = false;
    let stop: () => void = () => undefined;
    const renewLater = () => {
      stop = deps.clock.timer(RENEW_MS, () => {
        // A renewal that fails shows itself at the next write, which the token fences.
        deps.shared.renew(id, held.token, LEASE_MS).then(
          (kept) => (kept && !over ? renewLater() : undefined),
          () => undefined,
        );
      });
    };
    renewLater();
    try {
      return await work(held.token, held.thing);
    } finally {
      over = true;
      stop();
      await deps.shared.unlock(id, held.token);
    }
  }
}

function keyOf(id: SharedId, thing: SharedThing): string {
  return sharedKey(id.extension, id.kind, id.key, thing.generation);
}
