import { rm } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** Registry packages stay where they are installed, but for those that only one workspace has: from the bundle's place they would not be found. */
const installedStaysOutside: Plugin = {
  name: 'installed-stays-outside',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path, kind, resolveDir, importer, pluginData }) => {
      if (pluginData === 'asked' || kind === 'entry-point' || path.startsWith('@tenon/')) return undefined;
      const found = await resolve(path, { kind, resolveDir, importer, pluginData: 'asked' });
      return found.errors.length > 0 || !found.path.includes(`${sep}packages${sep}`) ? { path, external: true } : undefined;
    });
  },
};

/**
 * Makes the goals runnable by node alone, as the product is when it is built. A loader that compiles in passing (tsx) gives every function
 * its name at run time, each time it is made, and that costs more than much of what is measured here. Answers the file to run.
 */
export async function bundleGoals(): Promise<string> {
  // A directory for each run: two benches at once must not take each other's programs away.
  const outdir = fileURLToPath(new URL(`./dist/${process.pid}/`, import.meta.url));
  await rm(outdir, { recursive: true, force: true });
  await build({
    entryPoints: ['./one-goal.ts', './bare-server.ts'].map((source) => fileURLToPath(new URL(source, import.meta.url))),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    plugins: [installedStaysOutside],
    logLevel: 'warning',
    banner: { js: "import { createRequire as benchRequire } from 'node:module'; const require = benchRequire(import.meta.url);" },
  });
  return `${outdir}one-goal.mjs`;
}
