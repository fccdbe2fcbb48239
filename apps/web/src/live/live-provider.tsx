'use client';
import { useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { joinLive } from './connection.ts';
import { useInvalidate } from './invalidate.ts';
import { CONNECTING, downPhase, type LiveState, STALE_AFTER_MS } from './live-state.ts';

const Context = createContext<LiveState>(CONNECTING);

/** How fresh the page is. */
export function useLive(): LiveState {
  return useContext(Context);
}

/** Keeps what the pages show current: by the event stream, or by polling where the stream is down. */
export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const client = useQueryClient();
  const invalidate = useInvalidate();
  const [stream, setStream] = useState<LiveState>(CONNECTING);
  const [polledAt, setPolledAt] = useState(0);
  const [now, setNow] = useState(0);
  const latest = useRef(invalidate);
  latest.current = invalidate;

  useEffect(() => joinLive({ onState: setStream, onMessage: (message) => latest.current(message) }), []);

  const down = stream.phase !== 'live';
  useEffect(() => {
    if (!down) return;
    const tick = setInterval(() => setNow(Date.now()), 1000);
    const poll = setInterval(() => {
      if (document.visibilityState !== 'visible') return;
      void client.refetchQueries({ type: 'active' }).then(() => {
        const active = client.getQueryCache().findAll({ type: 'active' });
        if (active.length > 0 && active.every((query) => query.state.fetchStatus === 'idle' && query.state.error === null)) setPolledAt(Date.now());
      });
    }, STALE_AFTER_MS);
    return () => {
      clearInterval(tick);
      clearInterval(poll);
    };
  }, [down, client]);

  const state = useMemo<LiveState>(() => {
    if (!down) return stream;
    if (stream.phase === 'connecting' && polledAt === 0 && now === 0) return stream;
    return { ...stream, phase: downPhase(stream.freshAt, now, polledAt), freshAt: Math.max(stream.freshAt, polledAt) };
  }, [stream, down, now, polledAt]);

  return <Context.Provider value={state}>{children}</Context.Provider>;
}
