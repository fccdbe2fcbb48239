'use client';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTRPC } from '../../api/client.ts';
import { problemOf } from '../../api/problem.ts';
import { LiveProvider } from '../../live/live-provider.tsx';
import { ProblemNote } from '../../ui/problem.tsx';
import { SessionContext } from './session-context.tsx';
import { SignIn } from './sign-in.tsx';

/**
 * Shows the page to whoever is signed in and the sign-in form in its place to everybody else.
 * The address stays what it was, so that every link survives signing in.
 */
export function SessionGate({ children, frame }: { readonly children: ReactNode; readonly frame: ReactNode }) {
  const trpc = useTRPC();
  const session = useQuery({ ...trpc.session.me.queryOptions(), staleTime: Number.POSITIVE_INFINITY });
  if (session.error && problemOf(session.error).code === 'unauthenticated') return <SignIn />;
  if (session.data) {
    return (
      <SessionContext.Provider value={session.data}>
        <LiveProvider>{children}</LiveProvider>
      </SessionContext.Provider>
    );
  }
  if (session.error) {
    const problem = problemOf(session.error);
    return (
      <main className="mx-auto max-w-140 px-4 py-16">
        <ProblemNote problem={problem} onRetry={() => void session.refetch()} />
      </main>
    );
  }
  return frame;
}
