import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NextConfig } from 'next';

const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const config: NextConfig = {
  // The API mounts this app behind its own origin and sets every header; Next adds nothing of its own.
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  turbopack: { root: repository },
  outputFileTracingRoot: repository,
  transpilePackages: ['@tenon/contract', '@tenon/vocabulary'],
  // Types are checked once, by `npm run types`: here they would pull the whole API into every build.
  typescript: { ignoreBuildErrors: true },
};

export default config;
