import type { Metadata, Viewport } from 'next';
import { cookies, headers } from 'next/headers';
import type { ReactNode } from 'react';
import '../ui/base.css';
import { nonceOf } from '../shell/nonce.ts';
import { Providers } from '../shell/providers.tsx';
import { THEME_COOKIE, themeOf } from '../shell/theme.ts';

// A prerendered page would carry scripts without the request's nonce, and the CSP would refuse them.
export const dynamic = 'force-dynamic';

export const metadata: Metadata = { description: 'Composable lifecycle extensions for sandbox compute drivers', robots: { index: false, follow: false } };
export const viewport: Viewport = { width: 'device-width', initialScale: 1, colorScheme: 'light dark' };

export default async function RootLayout({ children }: { readonly children: ReactNode }) {
  const theme = themeOf((await cookies()).get(THEME_COOKIE)?.value);
  const nonce = nonceOf((await headers()).get('content-security-policy'));
  return (
    <html lang="en" {...(theme === 'system' ? {} : { 'data-theme': theme })} suppressHydrationWarning>
      <body>
        <Providers nonce={nonce} theme={theme}>
          {children}
        </Providers>
      </body>
    </html>
  );
}
