// Bundles the API with the workspace packages, whose sources are TypeScript; what npm installs stays outside.
import { rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));

/** A package that npm could not hoist to the top is bundled too: from the bundle's place it would not be found, or another version would. */
const installedStaysOutside = {
  name: 'installed-stays-outside',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async (args) => {
      if (args.pluginData === 'asked' || args.kind === 'entry-point') return undefined;
      if (args.path.startsWith('@tenon/')) return undefined;
      const { path, errors } = await resolve(args.path, { kind: args.kind, resolveDir: args.resolveDir, importer: args.importer, pluginData: 'asked' });
      if (errors.length > 0 || !path.includes(`${sep}packages${sep}`)) return { path: args.path, external: true };
      return undefined;
    });
  },
};

await rm(join(here, 'dist'), { recursive: true, force: true });
await build({
  entryPoints: [join(here, 'src', 'main.ts')],
  outfile: join(here, 'dist', 'main.mjs'),
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
  plugins: [installedStaysOutside],
  // What was bundled from CommonJS asks for its own require.
  banner: { js: "import { createRequire as tenonRequire } from 'node:module'; const require = tenonRequire(import.meta.url);" },
});
