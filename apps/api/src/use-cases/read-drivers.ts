import type { DriverListQuery, DriverView, ListOf, MatrixQuery, MatrixView } from '@tenon/contract';
import type { Driver } from '@tenon/lifecycle';
import type { Call, Deps } from '../context.ts';
import { defined } from '../defined.ts';
import { allow, notFound } from '../policy/act.ts';
import { presentCell, presentDriver } from '../present/driver.ts';
import { askCapabilities, askHealth } from './ask-driver.ts';
import { byKey, pageInMemory } from './page-in-memory.ts';

const keyOf = (driver: Driver) => [driver.name];

export async function listDrivers(deps: Deps, call: Call, query: DriverListQuery): Promise<ListOf<DriverView>> {
  await allow(deps, call, 'driver.read', { kind: 'driver', name: '*' });
  const page = pageInMemory([...deps.engine.drivers()].sort(byKey(keyOf)), keyOf, query);
  return { items: await Promise.all(page.items.map((driver) => viewDriver(deps, driver))), next: page.next };
}

export async function getDriver(deps: Deps, call: Call, name: string): Promise<DriverView> {
  await allow(deps, call, 'driver.read', { kind: 'driver', name });
  return viewDriver(deps, loadDriver(deps, name));
}

/** Which driver can run which extension, and why not. */
export async function getMatrix(deps: Deps, call: Call, query: MatrixQuery): Promise<MatrixView> {
  await allow(deps, call, 'driver.read', { kind: 'driver', name: query.driver ?? '*' });
  if (query.driver !== undefined) loadDriver(deps, query.driver);
  if (query.extension !== undefined && (await deps.store.getExtension(query.extension)) === null) throw notFound('extension', query.extension);
  return { cells: (await deps.engine.matrix(defined(query))).map(presentCell) };
}

export function loadDriver(deps: Deps, name: string): Driver {
  const driver = deps.engine.driver(name);
  if (driver === null) throw notFound('driver', name);
  return driver;
}

/** Every driver is asked anew: what is shown is what it says now. */
async function viewDriver(deps: Deps, driver: Driver): Promise<DriverView> {
  const [capabilities, health, sandboxes] = await Promise.all([askCapabilities(driver), askHealth(driver, deps.now), deps.store.countSandboxes(driver.name)]);
  return presentDriver(driver, { capabilities, health, sandboxes });
}
