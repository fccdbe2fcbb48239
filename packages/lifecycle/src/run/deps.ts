import type { Limits, TransportKind } from '@tenon/vocabulary';
import type { Clock } from '../ports/clock.ts';
import type { Driver } from '../ports/driver.ts';
import type { LeasePools } from '../ports/leases.ts';
import type { SharedThings } from '../ports/shared.ts';
import type { Store } from '../ports/store.ts';
import type { Transport } from '../ports/transport.ts';
import type { Vault } from '../ports/vault.ts';
import type { AttemptRecord } from '../records.ts';
import type { Breakers } from './breaker.ts';
import type { ExtensionDirectory } from './directory.ts';

/** What the engine is given; everything it may touch outside itself is here. */
export interface EngineOptions {
  readonly store: Store;
  readonly vault: Vault;
  readonly pools: LeasePools;
  readonly shared: SharedThings;
  readonly clock: Clock;
  readonly drivers: readonly Driver[];
  readonly transports: Readonly<Partial<Record<TransportKind, Transport>>>;
  /** Names this replica in leases; unique among replicas and restarts. */
  readonly holder: string;
  readonly installation: string;
  readonly limits?: Partial<Limits>;
  /** Environment names whose values are secrets; the default is the design's pattern. */
  readonly secretPattern?: RegExp;
  /** Keys that are an external driver's own: forwarded, never judged. */
  readonly passThroughExtensionKeys?: readonly string[];
  readonly log: EngineLog;
  /** Every finished attempt, for OTLP; must not throw. */
  readonly onSpan?: (span: AttemptSpan) => void;
}

export interface EngineLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface AttemptSpan {
  readonly traceId: string;
  readonly attempt: AttemptRecord;
  /** Span of the attempt that this one compensates, where known. */
  readonly linkSpanId: string | null;
  /** The trace which that span is in; absent: this one. */
  readonly linkTraceId?: string;
}

/** The options with defaults, and what the engine keeps in memory for all runs. */
export interface EngineDeps extends Omit<EngineOptions, 'limits' | 'secretPattern' | 'passThroughExtensionKeys' | 'onSpan'> {
  readonly limits: Limits;
  readonly secretPattern: RegExp;
  readonly passThroughExtensionKeys: readonly string[];
  readonly onSpan: (span: AttemptSpan) => void;
  readonly breakers: Breakers;
  readonly directory: ExtensionDirectory;
}
