import type { Clock } from '../ports/clock.ts';

/**
 * One timer for a whole run: arming it again costs a comparison, not a timer of the operating system (a timer and an
 * AbortController for each hook made dispatch five times as dear; see docs/adr on dispatch).
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

  arm(ms: number, callback: () => void): void {
    this.dueAt = this.clock.monotonic() + ms;
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

/** Calls in flight of one run: at most one hook, release or driver call at a time, each with a deadline, all abortable together. */
export class CallGuard {
  private readonly timer: RunTimer;
  private readonly closed: { cause: AbortCause | null } = { cause: null };
  private interrupt: ((cause: AbortCause) => void) | null = null;

  constructor(clock: Clock) {
    this.timer = new RunTimer(clock);
  }

  get aborted(): AbortCause | null {
    return this.closed.cause;
  }

  /** Aborts the call in flight and refuses every later one, until `reopen`. */
  abort(cause: AbortCause): void {
    this.closed.cause ??= cause;
    this.interrupt?.(cause);
  }

  /** Aborts only the call in flight. */
  abortCall(cause: AbortCause): void {
    this.interrupt?.(cause);
  }

  /** Unwinding ignores what aborted the run. A lost lease is never reopened. */
  reopen(): void {
    if (this.closed.cause !== 'lost') this.closed.cause = null;
  }

  close(): void {
    this.timer.close();
  }

  run<T>(deadlineMs: number, call: (signal: () => AbortSignal) => Promise<T>): Promise<GuardedResult<T>> {
    const standing = this.closed.cause;
    if (standing !== null) return Promise.resolve({ kind: 'aborted', cause: standing, late: Promise.resolve() });
    return new Promise((resolve) => {
      let controller: AbortController | null = null;
      let over: 'timed_out' | AbortCause | null = null;
      let settled = false;
      let lateSettled: () => void = () => undefined;
      const late = new Promise<void>((done) => {
        lateSettled = done;
      });
      const signal = () => {
        if (controller === null) {
          controller = new AbortController();
          if (over !== null) controller.abort(over);
        }
        return controller.signal;
      };
      const end = (result: GuardedResult<T>) => {
        if (settled) return;
        settled = true;
        this.timer.disarm();
        this.interrupt = null;
        resolve(result);
      };
      this.timer.arm(deadlineMs, () => {
        over = 'timed_out';
        controller?.abort('timed_out');
        end({ kind: 'timed_out', late });
      });
      this.interrupt = (cause) => {
        over = cause;
        controller?.abort(cause);
        end({ kind: 'aborted', cause, late });
      };
      let promise: Promise<T>;
      try {
        promise = call(signal);
      } catch (error) {
        end({ kind: 'thrown', error });
        lateSettled();
        return;
      }
      promise.then(
        (value) => {
          end({ kind: 'value', value });
          lateSettled();
        },
        (error: unknown) => {
          end({ kind: 'thrown', error });
          lateSettled();
        },
      );
    });
  }
}
