import { describe, expect, it } from 'vitest';
import { type SseMessage, sseParser } from './sse-parser.ts';

const stream = ': hello\n\nid: 7\nevent: run\ndata: {"a":1}\n\ndata: one\r\ndata: two\r\n\r\nevent: reset\ndata\n\n';

function read(pieces: readonly string[]): SseMessage[] {
  const seen: SseMessage[] = [];
  const feed = sseParser((message) => seen.push(message));
  for (const piece of pieces) feed(piece);
  return seen;
}

describe('sseParser', () => {
  const whole = read([stream]);

  it('reads ids, event names and data of several lines, and keeps the last id', () => {
    expect(whole).toEqual([
      { id: '7', event: 'run', data: '{"a":1}' },
      { id: '7', event: 'message', data: 'one\ntwo' },
      { id: '7', event: 'reset', data: '' },
    ]);
  });

  it('reads the same wherever the stream is cut', () => {
    expect(read([...stream])).toEqual(whole);
    for (let cut = 1; cut < stream.length; cut++) expect(read([stream.slice(0, cut), stream.slice(cut)])).toEqual(whole);
  });
});
