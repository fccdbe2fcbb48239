import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AttemptRecord } from '@tenon/lifecycle';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSpans } from './spans.ts';

const ATTEMPT: AttemptRecord = {
  id: 'attempt-1',
  runId: 'run-1',
  sandboxId: 'sandbox-1',
  parentId: null,
  kind: 'release',
  phase: null,
  extension: 'network',
  revision: '1.0.0',
  seq: 3,
  number: 1,
  outcome: 'failed',
  reason: null,
  message: null,
  error: { code: 'hook_failed', message: 'the network is in use' },
  startedAt: 1_700_000_000_123,
  durationMs: 42.5,
  changes: [],
  effects: [],
  wouldBeEffects: [],
  warnings: [],
  logs: [],
  compensates: 'attempt-0',
  spanId: 'b7ad6b7169203331',
};

describe('spans over OTLP', () => {
  const bodies: string[] = [];
  const collector = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      bodies.push(`${request.url} ${body}`);
      response.end('{}');
    });
  });
  beforeAll(() => new Promise<void>((done) => collector.listen(0, '127.0.0.1', done)));
  afterAll(() => new Promise<unknown>((done) => collector.close(done)));

  it('carry the ids of the journal, and link a cleanup to what it cleans up', async () => {
    const spans = openSpans(`http://127.0.0.1:${(collector.address() as AddressInfo).port}/`, '1.2.3');
    spans.send({ traceId: '0af7651916cd43dd8448eb211c80319c', attempt: ATTEMPT, linkSpanId: '00f067aa0ba902b7' });
    await spans.close();
    const [sent = ''] = bodies;
    expect(sent.startsWith('/v1/traces ')).toBe(true);
    const { resourceSpans } = JSON.parse(sent.slice('/v1/traces '.length));
    const [span] = resourceSpans[0].scopeSpans[0].spans;
    expect(span).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      name: 'release network',
      startTimeUnixNano: '1700000000123000000',
      endTimeUnixNano: '1700000000165500000',
      status: { code: 2, message: 'hook_failed' },
      links: [{ spanId: '00f067aa0ba902b7' }],
    });
    expect(JSON.stringify(resourceSpans[0].resource)).toContain('tenon');
  });
});
