import { defineConfig } from 'vitest/config';

// One command runs everything: unit, property, conformance and integration tests beside the code, journeys in e2e.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'code',
          include: ['packages/**/*.test.ts', 'apps/**/*.test.{ts,tsx}', 'tools/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.real.test.ts', '**/dist/**', '**/.next/**'],
          testTimeout: 30_000,
        },
      },
      // Tests that need a real backend: they ask for it, and skip with the reason printed where it is absent.
      {
        test: {
          name: 'real',
          include: ['packages/**/*.real.test.ts', 'apps/**/*.real.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'journeys',
          include: ['e2e/**/*.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 180_000,
          hookTimeout: 240_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
