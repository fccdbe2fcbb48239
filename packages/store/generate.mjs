// Generates the Prisma client. The generator is WebAssembly; the schema engine that Prisma would download first is not used by it,
// so any program that is there stands in for it and nothing is fetched.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const prisma = join(dirname(require.resolve('prisma/package.json')), 'build', 'index.js');
const result = spawnSync(process.execPath, [prisma, 'generate', '--schema', join(here, '..', '..', 'prisma', 'schema.prisma')], {
  cwd: here,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
});
if (result.error) throw result.error;
process.exit(result.status ?? 1);
