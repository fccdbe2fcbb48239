'use client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { problemOf } from '../../api/problem.ts';
import { rest } from '../../api/rest.ts';
import { Button } from '../../ui/button.tsx';
import { TextField } from '../../ui/field.tsx';
import { Mark } from '../../ui/mark.tsx';
import { ProblemNote } from '../../ui/problem.tsx';

/** Signs in with a token; the session is a cookie that scripts cannot read. */
export function SignIn() {
  const queries = useQueryClient();
  const [token, setToken] = useState('');
  const signIn = useMutation({
    mutationFn: (value: string) => rest('POST', '/api/v1/session', { token: value }),
    onSuccess: () => queries.resetQueries(),
  });
  const problem = signIn.error ? problemOf(signIn.error) : null;
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (!signIn.isPending && token.trim() !== '') signIn.mutate(token.trim());
  };
  return (
    <main className="grid min-h-dvh place-items-center bg-canvas px-4">
      <title>Sign in · Tenon</title>
      <form onSubmit={onSubmit} className="grid w-full max-w-96 gap-4 rounded-xl border border-hairline bg-surface p-6">
        <div className="flex items-center gap-2 text-lg font-semibold tracking-[-0.02em]">
          <Mark /> Tenon
        </div>
        <h1 className="text-xl font-semibold tracking-[-0.015em]">Sign in</h1>
        <TextField
          label="Token"
          type="password"
          name="token"
          autoComplete="current-password"
          autoFocus
          required
          mono
          value={token}
          onChange={(event) => setToken(event.target.value)}
          hint="The bootstrap token was printed when Tenon started for the first time. An admin can issue others."
          error={problem?.code === 'unauthenticated' ? problem.detail : null}
        />
        {problem && problem.code !== 'unauthenticated' ? <ProblemNote problem={problem} /> : null}
        <Button type="submit" look="primary" busy={signIn.isPending} denied={null}>
          {signIn.isPending ? 'Signing in' : 'Sign in'}
        </Button>
      </form>
    </main>
  );
}

/** Ends the session here; the form takes the page's place. */
export function useSignOut(): () => void {
  const queries = useQueryClient();
  const signOut = useMutation({
    mutationFn: () => rest('DELETE', '/api/v1/session'),
    onSuccess: () => queries.resetQueries(),
  });
  return () => signOut.mutate();
}
