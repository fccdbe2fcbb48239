import { SILENT_AFTER_MS } from './live-state.ts';
import { type SseMessage, sseParser } from './sse-parser.ts';

interface StreamOptions {
  readonly lastEventId: string | null;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onMessage: (message: SseMessage) => void;
}

/** Reads the event stream until it ends, fails, falls silent or is aborted. Every end but the last is an error. */
export async function readEvents({ lastEventId, signal, onOpen, onMessage }: StreamOptions): Promise<void> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error(`no sign of life for ${SILENT_AFTER_MS / 1000} s`)), SILENT_AFTER_MS);
  };
  heard();
  try {
    const answer = await fetch('/api/v1/events', {
      credentials: 'same-origin',
      cache: 'no-store',
      headers: { accept: 'text/event-stream', ...(lastEventId === null ? {} : { 'last-event-id': lastEventId }) },
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!answer.ok || answer.body === null) throw new Error(`the event stream answered ${answer.status}`);
    onOpen();
    const feed = sseParser(onMessage);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error('the event stream ended');
      heard();
      feed(value);
    }
  } finally {
    clearTimeout(timer);
  }
}
