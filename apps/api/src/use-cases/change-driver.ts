import type { DriverBody } from '@tenon/contract';
import { TenonError } from '@tenon/lifecycle';
import type { Call, Deps } from '../context.ts';
import { act } from '../policy/act.ts';
import { loadDriver } from './read-drivers.ts';

/** Refuses: this version runs the drivers that it finds on the machine, and no others yet. */
export async function registerDriver(deps: Deps, call: Call, body: DriverBody): Promise<never> {
  return act(deps, call, { action: 'driver.register', object: { kind: 'driver', name: body.name }, reason: body.reason }, async () => {
    if (deps.engine.driver(body.name) !== null) {
      throw new TenonError('driver_exists', `a driver named ${body.name} exists`, { pointer: '/name', hint: 'Choose another name.' });
    }
    throw new TenonError('validation_failed', `${body.kind} drivers cannot be registered in this version: they come with a later one`, {
      pointer: '/kind',
      hint: `Use one of the drivers that run here: ${deps.engine
        .drivers()
        .map((driver) => driver.name)
        .join(', ')}.`,
    });
  });
}

/** Refuses: a driver that was found on the machine is taken away by configuration, and never while sandboxes live on it. */
export async function removeDriver(deps: Deps, call: Call, name: string, reason: string | null): Promise<never> {
  loadDriver(deps, name);
  return act(deps, call, { action: 'driver.remove', object: { kind: 'driver', name }, reason }, async () => {
    const live = await deps.store.countSandboxes(name);
    if (live > 0) {
      throw new TenonError('driver_in_use', `driver ${name} runs ${live} ${live === 1 ? 'sandbox' : 'sandboxes'} that are not deleted`, {
        hint: 'Delete its sandboxes first.',
      });
    }
    throw new TenonError('validation_failed', `driver ${name} was found on this machine, not registered`, {
      hint: 'Leave it out of TENON_DRIVERS and start Tenon again.',
    });
  });
}
