/** Time and chance, so that tests hold both. Leases never use it: they use the store's clock. */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back once after `ms`; the answer cancels. */
  timer(ms: number, callback: () => void): () => void;
  /** 0 <= x < 1, for jitter. */
  random(): number;
}
