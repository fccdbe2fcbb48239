'use client';
import { CSPProvider } from '@base-ui/react/csp-provider';
import { QueryClientProvider } from '@tanstack/react-query';
import { NuqsAdapter } from 'nuqs/adapters/next/app';
import { createContext, type ReactNode, useContext, useState } from 'react';
import { makeApiClient, makeQueryClient, TRPCProvider } from '../api/client.ts';
import { Toasts } from '../ui/toast.tsx';
import type { Theme } from './theme.ts';

const ThemeContext = createContext<Theme>('system');

/** The theme as the request's cookie had it. */
export function useStartTheme(): Theme {
  return useContext(ThemeContext);
}

/** What every page stands on: the API client, its cache, the address bar's state, toasts, the CSP nonce. */
export function Providers({ nonce, theme, children }: { readonly nonce: string | undefined; readonly theme: Theme; readonly children: ReactNode }) {
  const [queries] = useState(makeQueryClient);
  const [api] = useState(makeApiClient);
  return (
    <CSPProvider nonce={nonce}>
      <QueryClientProvider client={queries}>
        <TRPCProvider trpcClient={api} queryClient={queries}>
          <NuqsAdapter>
            <ThemeContext.Provider value={theme}>
              <Toasts>{children}</Toasts>
            </ThemeContext.Provider>
          </NuqsAdapter>
        </TRPCProvider>
      </QueryClientProvider>
    </CSPProvider>
  );
}
