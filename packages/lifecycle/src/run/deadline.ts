import type { Clock } from '../ports/clock.ts';

/**
 * One timer for a whole run: arming it again costs a comparison, not a timer of the operating system (a timer and an
 * AbortController for each hook made dispatch five times as dear; see docs/adr/0007-one-timer-for-a-run.md).
 */
export class RunTimer {
  private readonly clock: Clock;
  private dueAt = Number.POSITIVE_INFINITY;
  private firesAt = Number.POSITIVE_INFINITY;
  private callback: (() => void) | null = null;
  private cancelTimer: (() => void) | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** `now`, where the caller knows it, spares a look at the clock: monotonic ms. */
  arm(ms: number, callback: () => void, now = this.clock.monotonic()): void {
    this.dueAt = now + ms;
    this.callback = callback;
    if (this.dueAt < this.firesAt) this.schedule(ms);
  }

  disarm(): void {
    this.dueAt = Number.POSITIVE_INFINITY;
    this.callback = null;
  }

  close(): void {
    this.disarm();
    this.cancelTimer?.();
    this.cancelTimer = null;
    this.firesAt = Number.POSITIVE_INFINITY;
  }

  private schedule(ms: number): void {
    this.cancelTimer?.();
    this.firesAt = this.clock.monotonic() + ms;
    this.cancelTimer = this.clock.timer(Math.max(0, ms), () => this.fire());
  }

  private fire(): void {
    this.firesAt = Number.POSITIVE_INFINITY;
    this.cancelTimer = null;
    if (this.callback === null) return;
    const left = this.dueAt - this.clock.monotonic();
    if (left > 0) {
      this.schedule(left);
      return;
    }
    const callback = this.callback;
    this.disarm();
    callback();
  }
}

/** Why a call in flight was aborted. */
export type AbortCause = 'superseded' | 'lost' | 'killed' | 'drain' | 'budget';

export type GuardedResult<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'thrown'; readonly error: unknown }
  /** No answer within the deadline; `late` settles, never rejects, if the call ever does. */
  | { readonly kind: 'timed_out'; readonly late: Promise<void> }
  | { readonly kind: 'aborted'; readonly cause: AbortCause; readonly late: Promise<void> };

interface Interruptible {
  interrupt(why: 'timed_out' | AbortCause): void;
}

/** Calls in flight of one run: at most one hook, release or driver call at a time, each with a deadline, all abortable together. */
export class CallGuard {
  private readonly timer: RunTimer;
  private cause: AbortCause | null = null;
  private current: Interruptible | null = null;
  private readonly expire = () => this.current?.interrupt('timed_out');

  constructor(clock: Clock) {
    this.timer = new RunTimer(clock);
  }

  get aborted(): AbortCause | null {
    return this.cause;
  }

  /** Aborts the call in flight and refuses every later one, until `reopen`. */
  abort(cause: AbortCause): void {
    this.cause ??= cause;
    this.current?.interrupt(cause);
  }

  /** Aborts only the call in flight. */
  abortCall(cause: AbortCause): void {
    this.current?.interrupt(cause);
  }

  /** Unwinding ignores what aborted the run. A lost lease is never reopened. */
  reopen(): void {
    if (this.cause !== 'lost') this.cause = null;
  }

  close(): void {
    this.timer.close();
  }

  run<T>(deadlineMs: number, call: (signal: () => AbortSignal) => Promise<T>): Promise<GuardedResult<T>> {
    const guarded = this.guard<T>(deadlineMs);
    return guarded.follow({ make: () => call(() => guarded.signal()) });
  }

  /**
   * Opens the guard of one call, which the caller then makes through `follow`: what `run` does, without a function for each step.
   * `begunAt`, where the caller knows it, spares a look at the clock: monotonic ms.
   */
  guard<T>(deadlineMs: number, begunAt?: number): GuardedCall<T> {
    const guarded = new GuardedCall<T>(this, this.cause);
    if (this.cause === null) {
      this.current = guarded;
      this.timer.arm(deadlineMs, this.expire, begunAt);
    }
    return guarded;
  }

  /** For the call itself: it has settled, in time or not. */
  ended(guarded: Interruptible): void {
    if (this.current !== guarded) return;
    this.current = null;
    this.timer.disarm();
  }
}

/** One call under guard. Everything that few calls need, the signal and the late end, is made when it is asked for. */
export class GuardedCall<T> {
  private readonly guard: CallGuard;
  private over: 'timed_out' | AbortCause | null;
  private controller: AbortController | null = null;
  private returned = false;
  private resolve: ((result: GuardedResult<T>) => void) | null = null;
  private lateSettled: (() => void) | null = null;

  constructor(guard: CallGuard, standing: AbortCause | null) {
    this.guard = guard;
    this.over = standing;
  }

  signal(): AbortSignal {
    if (this.controller === null) {
      this.controller = new AbortController();
      if (this.over !== null) this.controller.abort(this.over);
    }
    return this.controller.signal;
  }

  /** Makes the call and settles with how it went; never rejects. A guard that was closed before refuses without calling. */
  follow(call: { make(): Promise<T> }): Promise<GuardedResult<T>> {
    if (this.over !== null && this.over !== 'timed_out') return Promise.resolve({ kind: 'aborted', cause: this.over, late: Promise.resolve() });
    return new Promise((resolve) => {
      this.resolve = resolve;
      let promise: Promise<T>;
      try {
        promise = call.make();
      } catch (error) {
        this.end({ kind: 'thrown', error });
        return;
      }
      promise.then(
        (value) => this.end({ kind: 'value', value }),
        (error: unknown) => this.end({ kind: 'thrown', error }),
      );
    });
  }

  interrupt(why: 'timed_out' | AbortCause): void {
    if (this.over !== null || this.returned) return;
    this.over = why;
    this.controller?.abort(why);
    const late = new Promise<void>((settled) => {
      this.lateSettled = settled;
    });
    this.guard.ended(this);
    this.resolve?.(why === 'timed_out' ? { kind: 'timed_out', late } : { kind: 'aborted', cause: why, late });
  }

  private end(result: GuardedResult<T>): void {
    this.returned = true;
    if (this.over !== null) {
      this.lateSettled?.();
      return;
    }
    this.guard.ended(this);
    this.resolve?.(result);
  }
}
