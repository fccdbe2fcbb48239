'use client';
import { CircleDot, Flag, PlugZap, RefreshCw, TriangleAlert } from 'lucide-react';
import type { ReactNode } from 'react';
import { cx } from '../ui/cx.ts';
import { Time, useNow } from '../ui/time.tsx';
import { useLive } from './live-provider.tsx';

/** What ended or is sealed cannot change any more: it is final, whatever the stream does. */
export interface Final {
  readonly word: string;
  readonly at: string;
}

function Line({
  icon: Icon,
  word,
  tone,
  live = true,
  children,
}: {
  readonly icon: typeof Flag;
  readonly word: string;
  readonly tone: string;
  readonly live?: boolean;
  readonly children?: ReactNode;
}) {
  return (
    <p role={live ? 'status' : undefined} className="inline-flex items-center gap-1.5 text-sm whitespace-nowrap text-ink2">
      <Icon aria-hidden size={14} strokeWidth={1.75} className={cx('shrink-0', tone)} />
      <b className={cx('font-medium', tone)}>{word}</b>
      <span className="max-md:hidden">{children}</span>
    </p>
  );
}

/** Freshness: shape, word and time, always in the top bar. */
export function Freshness({ final }: { readonly final?: Final | undefined }) {
  const live = useLive();
  const now = useNow();
  if (final) {
    return (
      <Line icon={Flag} word="Final" tone="" live={false}>
        {final.word} <Time at={final.at} />
      </Line>
    );
  }
  const since = live.freshAt === 0 ? null : <Time at={new Date(live.freshAt).toISOString()} />;
  switch (live.phase) {
    case 'connecting':
      return <Line icon={PlugZap} word="Connecting" tone="text-idle" />;
    case 'live':
      return (
        <Line icon={CircleDot} word="Live" tone="text-ok">
          updated {since}
        </Line>
      );
    case 'polling':
      return (
        <Line icon={RefreshCw} word="Polling" tone="text-owed">
          read {since}, no event stream
        </Line>
      );
    case 'stale':
      return (
        <Line icon={TriangleAlert} word="Stale" tone="text-owed">
          since {since}
        </Line>
      );
    case 'reconnecting':
      return (
        <Line icon={PlugZap} word="Reconnecting" tone="text-owed">
          {since ? <>data from {since}</> : 'no data yet'}
          {live.nextTryAt !== null && now !== 0 && live.nextTryAt > now ? `, next try in ${Math.ceil((live.nextTryAt - now) / 1000)} s` : ''}
        </Line>
      );
  }
}
