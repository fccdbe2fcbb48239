import { defineConfig } from 'vitest/config';

// One command runs everything: unit, property, conformance and integration tests beside the code, journeys in e2e.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'code',
          // One kind after another: journeys compare what stands at the backends before and after, and measure nothing else's load.
          sequence: { groupOrder: 0 },
          include: ['packages/**/*.test.ts', 'apps/**/*.test.{ts,tsx}', 'tools/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/*.real.test.ts', '**/dist/**', '**/.next/**'],
          testTimeout: 30_000,
        },
      },
      // Tests that need a real backend: they ask for it, and skip with the reason printed where it is absent.
      {
        test: {
          name: 'real',
          sequence: { groupOrder: 1 },
          include: ['packages/**/*.real.test.ts', 'apps/**/*.real.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'journeys',
          sequence: { groupOrder: 2 },
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
