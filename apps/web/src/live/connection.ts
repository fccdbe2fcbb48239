import type { EventView } from '@tenon/contract';
import { readEvents } from './event-stream.ts';
import { backoffMs, CONNECTING, type LiveState } from './live-state.ts';

/** What reaches a page: one event, or that some may have been missed, so that everything shown must be read again. */
export type LiveMessage = { readonly kind: 'event'; readonly event: EventView } | { readonly kind: 'missed' };

type Post = LiveMessage | { readonly kind: 'state'; readonly state: LiveState } | { readonly kind: 'hello' } | { readonly kind: 'retry' };

interface Listeners {
  readonly onState: (state: LiveState) => void;
  readonly onMessage: (message: LiveMessage) => void;
}

const NAME = 'tenon-live';

/**
 * One event stream per browser: the tab that holds the Web Lock reads it and tells the others over a BroadcastChannel.
 * Without Web Locks (no secure context) a tab reads a stream of its own, but only while it is visible: six streams
 * would use up a browser's connections to one origin.
 * @returns ends this tab's part.
 */
export function joinLive({ onState, onMessage }: Listeners): () => void {
  const end = new AbortController();
  const channel = new BroadcastChannel(NAME);
  let leading = false;
  let state = CONNECTING;
  let wake: (() => void) | null = null;
  const post = (message: Post) => channel.postMessage(message);
  const setState = (next: LiveState) => {
    state = next;
    onState(next);
    if (leading) post({ kind: 'state', state: next });
  };
  const tell = (message: LiveMessage) => {
    onMessage(message);
    if (leading) post(message);
  };
  channel.onmessage = ({ data }: MessageEvent<Post>) => {
    if (data.kind === 'hello') {
      if (leading) post({ kind: 'state', state });
    } else if (data.kind === 'retry') wake?.();
    else if (data.kind === 'state') {
      if (!leading) onState(data.state);
    } else if (!leading) onMessage(data);
  };

  const lead = async (signal: AbortSignal) => {
    let lastEventId: string | null = null;
    let failures = 0;
    while (!signal.aborted) {
      try {
        await readEvents({
          lastEventId,
          signal,
          onOpen: () => {
            failures = 0;
            setState({ phase: 'live', freshAt: Date.now(), nextTryAt: null });
            // The first stream of this tab cannot know what came before it; a resumed one is told by the server.
            if (lastEventId === null) tell({ kind: 'missed' });
          },
          onMessage: (message) => {
            if (message.id !== null && message.id !== '') lastEventId = message.id;
            if (message.event === 'reset') tell({ kind: 'missed' });
            else {
              const event = readEvent(message.data);
              if (event) tell({ kind: 'event', event });
            }
            setState({ phase: 'live', freshAt: Date.now(), nextTryAt: null });
          },
        });
      } catch (failure) {
        if (signal.aborted) return;
        const wait = backoffMs(failures, Math.random());
        failures += 1;
        const freshAt = state.phase === 'live' ? Date.now() : state.freshAt;
        setState({ phase: 'reconnecting', freshAt, nextTryAt: Date.now() + wait });
        console.info(`Event stream: ${failure instanceof Error ? failure.message : String(failure)}; next try in ${wait} ms`);
        await pause(wait, signal, (now) => {
          wake = now;
        });
        wake = null;
      }
    }
  };

  const onAttention = () => {
    if (document.visibilityState !== 'visible') return;
    wake?.();
    if (!leading) post({ kind: 'retry' });
  };
  document.addEventListener('visibilitychange', onAttention);
  addEventListener('online', onAttention);

  if ('locks' in navigator) {
    post({ kind: 'hello' });
    navigator.locks
      .request(NAME, { signal: end.signal }, async () => {
        leading = true;
        await lead(end.signal);
      })
      .catch((failure: unknown) => {
        if (!end.signal.aborted) console.error('Event stream: the lock was refused', failure);
      });
  } else {
    void whileVisible(lead, end.signal);
  }
  return () => {
    end.abort();
    channel.close();
    document.removeEventListener('visibilitychange', onAttention);
    removeEventListener('online', onAttention);
  };
}

async function whileVisible(lead: (signal: AbortSignal) => Promise<void>, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    const hidden = new AbortController();
    const onChange = () => {
      if (document.visibilityState === 'hidden') hidden.abort();
    };
    document.addEventListener('visibilitychange', onChange);
    await lead(AbortSignal.any([end, hidden.signal]));
    document.removeEventListener('visibilitychange', onChange);
    await new Promise<void>((resolve) => {
      if (end.aborted || document.visibilityState === 'visible') resolve();
      else {
        document.addEventListener('visibilitychange', () => resolve(), { once: true });
        end.addEventListener('abort', () => resolve(), { once: true });
      }
    });
  }
}

function pause(ms: number, signal: AbortSignal, onWake: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const now = () => {
      clearTimeout(timer);
      resolve();
    };
    onWake(now);
    signal.addEventListener('abort', now, { once: true });
  });
}

function readEvent(data: string): EventView | null {
  try {
    const parsed: unknown = JSON.parse(data);
    return typeof parsed === 'object' && parsed !== null && 'type' in parsed ? (parsed as EventView) : null;
  } catch (failure) {
    console.error('Event stream: a message is no JSON', failure);
    return null;
  }
}
