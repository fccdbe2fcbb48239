import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendAnswers, dockerAbsence } from './backends.ts';
import { builtServer } from './harness/built-server.ts';

/** The README's story, run as written: its commands in one shell, against a Tenon that was started as the README says, on a real Docker. */
const root = fileURLToPath(new URL('..', import.meta.url));
const TOKEN = 'readme-story-bootstrap-token';

/** The indented lines of the story; where Tenon listens and its token are given by this test. */
function storyScript(): string {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const story = readme.slice(readme.indexOf('## The story, by curl'), readme.indexOf('## Working on it'));
  const lines = story.split('\n').filter((line) => line.startsWith('    ') && !/^ {4}export (TENON|TOKEN)=/.test(line));
  return lines.map((line) => line.slice(4)).join('\n');
}

/** Tells the status of every request on a channel of its own, so that the commands themselves stay as they are. */
const TELL_STATUS = 'curl() { command curl -w \'%{stderr}\\nSTATUS %{http_code}\\n\' "$@"; }';

describe.runIf(backendAnswers('docker', await dockerAbsence()))('the story in README.md', () => {
  let data = '';
  let tenon: ChildProcess | null = null;
  let origin = '';
  const output: string[] = [];

  beforeAll(async () => {
    builtServer();
    data = mkdtempSync(join(tmpdir(), 'tenon-readme-'));
    // As root the database runs as another account, which must reach its directory: else it would live elsewhere and stay behind.
    chmodSync(data, 0o711);
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    const { DATABASE_URL: _, ...env } = process.env;
    tenon = spawn('npm', ['start'], {
      cwd: root,
      detached: true,
      env: { ...env, TENON_PORT: String(port), TENON_DATA_DIR: data, TENON_BOOTSTRAP_TOKEN: TOKEN },
    });
    tenon.stdout?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    tenon.stderr?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    for (;;) {
      if (tenon.exitCode !== null) throw new Error(`npm start ended with ${tenon.exitCode}:\n${output.join('')}`);
      const ready = await fetch(`${origin}/readyz`).then(
        ({ status }) => status === 200,
        () => false,
      );
      if (ready) return;
      await sleep(250);
    }
  }, 240_000);

  afterAll(async () => {
    if (tenon?.pid !== undefined && tenon.exitCode === null) {
      const ended = new Promise((settle) => tenon?.once('exit', settle));
      process.kill(-tenon.pid, 'SIGTERM');
      await ended;
    }
    if (data !== '') rmSync(data, { recursive: true, force: true });
  });

  it('runs as written, from the first look to nothing owed', () => {
    const script = `set -euo pipefail\n${TELL_STATUS}\n${storyScript()}`;
    const told = spawnSync('bash', ['-c', script], { encoding: 'utf8', env: { ...process.env, TENON: origin, TOKEN }, timeout: 170_000 });
    const statuses = [...told.stderr.matchAll(/^STATUS (\d+)$/gm)].map(([, status]) => Number(status));
    const said = `${told.stdout}\n${told.stderr}\n${output.join('')}`;
    expect(told.status, said).toBe(0);
    // In order: three looks; preview and two activations; token, dry run, create; six reads; the gate; the create that fails; two reads; delete, nothing owed.
    expect(statuses, said).toEqual([200, 200, 200, 200, 201, 201, 201, 200, 201, ...Array(6).fill(200), 200, 201, 502, 200, 200, 200, 200]);
    expect(told.stdout).toContain('"hookCode":"not_ready"');
    expect(told.stdout.trim()).toMatch(/\{"items":\[\],"next":null\}$/);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle));
  const address = server.address();
  await new Promise((settle) => server.close(settle));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
