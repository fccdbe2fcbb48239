import { type HrTime, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import type { AttemptSpan } from '@tenon/lifecycle';

export interface Spans {
  send(span: AttemptSpan): void;
  close(): Promise<void>;
}

const FAILED = new Set(['denied', 'failed', 'timed_out', 'aborted']);

/**
 * Sends every finished attempt over OTLP. The ids are the journal's own, so that a trace here and the trace page are the same thing; a
 * cleanup links to the attempt that made what it releases. `endpoint` is the collector's base address, as OTEL_EXPORTER_OTLP_ENDPOINT has it.
 */
export function openSpans(endpoint: string, version: string): Spans {
  const processor = new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` }) });
  const resource = resourceFromAttributes({ 'service.name': 'tenon', 'service.version': version });
  const instrumentationScope = { name: 'tenon', version };
  return {
    send: (span) => processor.onEnd(readable(span, { resource, instrumentationScope })),
    close: () => processor.shutdown(),
  };
}

function readable({ traceId, attempt, linkSpanId, linkTraceId }: AttemptSpan, fixed: Pick<ReadableSpan, 'resource' | 'instrumentationScope'>): ReadableSpan {
  const context = (spanId: string) => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED });
  const what = attempt.extension ?? 'driver';
  return {
    ...fixed,
    name: `${attempt.phase ?? attempt.kind} ${what}`,
    kind: SpanKind.CLIENT,
    spanContext: () => context(attempt.spanId),
    startTime: hrTime(attempt.startedAt),
    endTime: hrTime(attempt.startedAt + attempt.durationMs),
    duration: hrTime(attempt.durationMs),
    status: FAILED.has(attempt.outcome) ? { code: SpanStatusCode.ERROR, message: attempt.error?.code ?? attempt.outcome } : { code: SpanStatusCode.UNSET },
    attributes: {
      'tenon.run': attempt.runId,
      'tenon.attempt': attempt.id,
      'tenon.kind': attempt.kind,
      'tenon.outcome': attempt.outcome,
      'tenon.number': attempt.number,
      ...(attempt.sandboxId === null ? {} : { 'tenon.sandbox': attempt.sandboxId }),
      ...(attempt.phase === null ? {} : { 'tenon.phase': attempt.phase }),
      ...(attempt.extension === null ? {} : { 'tenon.extension': attempt.extension, 'tenon.revision': attempt.revision ?? '' }),
      ...(attempt.error === null ? {} : { 'tenon.error': attempt.error.code }),
    },
    links: linkSpanId === null ? [] : [{ context: { ...context(linkSpanId), traceId: linkTraceId ?? traceId } }],
    events: [],
    ended: true,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

const hrTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1_000_000)];
