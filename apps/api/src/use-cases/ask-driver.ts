import { type Driver, type DriverCapabilities, type DriverHealthReport, messageOf } from '@tenon/lifecycle';

/** How long a driver has to answer somebody who only looks, ms. A backend that hangs must not take lists and probes with it. */
const ANSWER_MS = 3_000;

const known = new WeakMap<Driver, DriverCapabilities>();

/** Shown of a driver that has never answered. */
const UNKNOWN: DriverCapabilities = {
  operations: [],
  phases: [],
  features: [],
  limits: {},
  services: [],
  isolation: 'none',
  version: 'not known: it has not answered yet',
};

/** Its health; one that does not answer in time is degraded, which says nothing of the product itself. */
export async function askHealth(driver: Driver, now: () => number): Promise<DriverHealthReport> {
  const silent = (detail: string): DriverHealthReport => ({ state: 'degraded', detail, checkedAt: now() });
  return inTime(
    driver.health().catch((error: unknown) => silent(messageOf(error))),
    () => silent(`it did not answer within ${ANSWER_MS / 1000} s`),
  );
}

/** What it can do now, or, where it does not answer, what it could do when it last did. */
export async function askCapabilities(driver: Driver): Promise<DriverCapabilities> {
  const last = () => known.get(driver) ?? UNKNOWN;
  return inTime(
    driver.capabilities().then(
      (capabilities) => {
        known.set(driver, capabilities);
        return capabilities;
      },
      // Its health says why: it is asked beside.
      () => last(),
    ),
    last,
  );
}

async function inTime<T>(answer: Promise<T>, otherwise: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(() => resolve(otherwise()), ANSWER_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
