import { TenonError } from '@tenon/lifecycle';

const WINDOW_MS = 60_000;
const FAILURES = 10;
/** More addresses than this at once are an attack: the oldest are forgotten first, so that memory stays bounded. */
const ADDRESSES = 10_000;

/** Counts failed sign-ins by address: after ten within a minute that address waits. Who signs in rightly is never slowed down. */
export class FailedSignIns {
  readonly #byAddress = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `rate_limited` while the address has to wait. */
  check(address: string): void {
    const seen = this.#byAddress.get(address);
    if (seen === undefined) return;
    const left = seen.until - this.#now();
    if (left <= 0) {
      this.#byAddress.delete(address);
      return;
    }
    if (seen.count < FAILURES) return;
    throw new TenonError('rate_limited', `${FAILURES} sign-ins from this address failed within a minute`, {
      retryAfterMs: left,
      hint: `Try again in ${Math.ceil(left / 1000)} s.`,
    });
  }

  add(address: string): void {
    const seen = this.#byAddress.get(address);
    if (seen !== undefined) {
      seen.count += 1;
      return;
    }
    const oldest = this.#byAddress.keys().next();
    if (this.#byAddress.size >= ADDRESSES && !oldest.done) this.#byAddress.delete(oldest.value);
    this.#byAddress.set(address, { count: 1, until: this.#now() + WINDOW_MS });
  }
}
