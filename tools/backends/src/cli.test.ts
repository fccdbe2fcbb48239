import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenon-backends-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The command as a person types it, with a directory of its own in which nothing was started. */
function backends(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { DATABASE_URL: _url, ...rest } = process.env;
  return spawnSync(join(ROOT, 'node_modules/.bin/tsx'), [join(ROOT, 'tools/backends/src/cli.ts'), ...args], {
    encoding: 'utf8',
    env: { ...rest, TENON_BACKENDS_DIR: directory, ...env },
  });
}

it('status tells of each backend what is up and what is not, and starts nothing', () => {
  const { stdout, status } = backends(['status']);
  expect(status).toBe(0);
  expect(stdout.split('\n')[0]).toMatch(/^BACKEND +STATE +PID +DETAIL$/);
  expect(stdout).toMatch(/^postgres +down +- +not started$/m);
  expect(stdout).toMatch(/^docker +down /m);
  expect(stdout).toMatch(/^chromium +(up|down) /m);
});

it('says what is missing, and the package that brings it', () => {
  const { stdout, stderr, status } = backends(['up', 'chromium'], { TENON_CHROMIUM: join(directory, 'no-such-browser') });
  expect(status).not.toBe(0);
  expect(stdout).toMatch(/^chromium +failed/m);
  expect(`${stdout}${stderr}`).toContain('apt-get install -y chromium');
});

it('refuses a backend that it does not have, and names those that it has', () => {
  const { stderr, status } = backends(['up', 'oracle']);
  expect(status).toBe(2);
  expect(stderr).toContain('postgres, docker, chromium');
});
