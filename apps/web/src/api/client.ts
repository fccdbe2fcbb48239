'use client';
import { QueryCache, QueryClient } from '@tanstack/react-query';
import type { AppRouter } from '@tenon/api/router';
import { createTRPCClient, httpBatchLink, httpLink, splitLink } from '@trpc/client';
import type { inferRouterInputs } from '@trpc/server';
import { createTRPCContext } from '@trpc/tanstack-react-query';
import { problemOf } from './problem.ts';

/** The typed door to the API: `useTRPC()` makes the options of a query or mutation, `useTRPCClient()` calls at once. */
export const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<AppRouter>();

/** What every procedure takes, by its name. */
export type ApiInputs = inferRouterInputs<AppRouter>;

const url = '/trpc';

/** Reads that may take long or be large go alone, so that they hold up no batch. */
const alone = new Set(['activations.preview', 'sandboxes.dryRun', 'sandboxes.plan', 'sandboxes.logs', 'runs.get', 'runs.attempts']);

export function makeApiClient() {
  return createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === 'mutation' || alone.has(operation.path),
        true: httpLink({ url }),
        false: httpBatchLink({ url, maxURLLength: 4000 }),
      }),
    ],
  });
}

export function makeQueryClient(): QueryClient {
  const client = new QueryClient({
    // A session that ended is found out by whichever call comes first: the gate asks again and shows the form.
    queryCache: new QueryCache({
      onError: (failure, query) => {
        const [path] = query.queryKey;
        if (problemOf(failure).code === 'unauthenticated' && !(Array.isArray(path) && path[0] === 'session'))
          void client.invalidateQueries({ queryKey: [['session', 'me']] });
      },
    }),
    defaultOptions: {
      queries: {
        // The event stream says when something changed; a refetch on focus would repeat it for every tab.
        staleTime: 30_000,
        refetchOnWindowFocus: false,
        retry: (count, failure) => count < 2 && isTransient(failure),
      },
    },
  });
  return client;
}

/** Worth another try: no answer at all, or a server that says it is not ready. A refusal is final. */
function isTransient(failure: unknown): boolean {
  const { status } = problemOf(failure);
  return status === null || status === 429 || status === 502 || status === 503 || status === 504;
}
