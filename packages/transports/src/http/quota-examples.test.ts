import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExtensionClient, HookAnswer } from '@tenon/lifecycle';
import { failure, testHookCall, testHookInput, testManifest, testReleaseCall, testRevision } from '@tenon/lifecycle/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { httpTransport } from './http-transport.ts';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const SDK = join(ROOT, 'packages/extension-sdk');

beforeAll(() => {
  // `npm ci` builds it; a tree that was cleaned since has none.
  if (!existsSync(join(SDK, 'dist/index.js'))) execFileSync(process.execPath, ['build.mjs'], { cwd: SDK });
});

/** Both ways of writing the one extension, each as its own process, as an operator would run it. */
describe.each(['http-quota', 'http-quota-sdk'])('examples/%s', (example) => {
  let folder: string;
  let child: ChildProcess;
  let client: ExtensionClient;
  let stop: () => Promise<void>;

  const start = async (secret = 'shared'): Promise<void> => {
    child = spawn(process.execPath, [join(ROOT, 'examples', example, 'server.mjs')], {
      env: { ...process.env, PORT: '0', HOST: '127.0.0.1', EXTENSION_SECRET: 'shared', QUOTA_DATA: join(folder, 'quota.json') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const running = child;
    if (!running.stdout) throw new Error('no output of the example can be read');
    const [line] = await once(running.stdout, 'data');
    const url = /http:\/\/\S+/.exec(String(line))?.[0] ?? '';
    const transport = httpTransport();
    const manifest = testManifest({ name: 'http-quota' });
    const opened = transport.open(testRevision(manifest, { kind: 'http', url, signedAnswers: true }), secret);
    if (!opened) throw new Error('not opened');
    client = opened;
    stop = async () => {
      await transport.close();
      const ended = once(running, 'exit');
      running.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    };
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenon-quota-'));
    await start();
  });
  afterEach(async () => {
    await stop();
    await rm(folder, { recursive: true });
  });

  const sandbox = (id: string, workspace = 'team-a') => ({ id, name: `name-${id}`, workspace });
  const create = (id: string, options: { key?: string; attempt?: number; workspace?: string } = {}): Promise<HookAnswer> => {
    const { key = `key-${id}`, attempt = 1, workspace } = options;
    const run = { ...testHookInput().run, idempotencyKey: key, attempt };
    return client.hook(testHookCall({ input: { phase: 'before_create', run, sandbox: sandbox(id, workspace), config: { limit: 2 } }, plan: { open: [] } }));
  };
  const release = (id: string, effects: { key: string; handle: null | { number: number } }[], key = `key-${id}`) =>
    client.release(
      testReleaseCall(
        effects.map((effect) => ({ kind: 'slot', input: null, ...effect })),
        { sandbox: sandbox(id), idempotencyKey: key },
      ),
    );
  const heldBy = async () => ((await client.list(new AbortController().signal))?.effects ?? []).map(({ key, sandboxId }) => `${sandboxId} ${key}`).sort();

  it('describes the manifest that its README registers', async () => {
    expect(await client.describe(new AbortController().signal)).toMatchObject({
      name: 'http-quota',
      revision: '1.0.0',
      activation: { mode: 'global' },
      effects: ['slot'],
      dryRunSafe: true,
      shadowSafe: false,
      hooks: [
        { phase: 'prepare_plan', points: ['*.labels'], deadlineMs: 2000, required: true, onFailure: 'fail' },
        { phase: 'before_create', points: [] },
      ],
    });
  });

  it('labels the plan where the driver has its labels', async () => {
    const answer = await client.hook(testHookCall());
    expect(answer.edit).toEqual({ kind: 'patches', patches: [{ op: 'add', path: '/labels/quota.example.org~1workspace', value: 'team-a' }] });
    expect(answer.message).toContain('workspace');
    const closed = await client.hook(testHookCall({ plan: { open: [] }, input: { run: { ...testHookInput().run, idempotencyKey: 'other' } } }));
    expect(closed).toMatchObject({ result: 'ok', edit: null, warnings: [expect.stringContaining('not open')] });
  });

  it('gives each sandbox a slot and denies the one that is too many, in its workspace only', async () => {
    expect(await create('a')).toMatchObject({ result: 'ok', effects: [{ kind: 'slot', key: 'team-a/0', handle: { number: 0 }, scope: null }] });
    expect(await create('b')).toMatchObject({ effects: [{ key: 'team-a/1' }], logs: [{ level: 'info', message: 'slot 1 of 2' }] });
    expect(await create('c')).toMatchObject({ result: 'deny', code: 'quota_exceeded', resourceExhausted: true, effects: [] });
    expect(await create('d', { workspace: 'team-b' })).toMatchObject({ result: 'ok', effects: [{ key: 'team-b/0' }] });
    expect(await heldBy()).toEqual(['a team-a/0', 'b team-a/1', 'd team-b/0']);
  });

  it('never gives a slot twice under twenty creates at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => create(`p${index}`)));
    expect(
      answers
        .filter(({ result }) => result === 'ok')
        .map(({ effects }) => effects[0]?.key)
        .sort(),
    ).toEqual(['team-a/0', 'team-a/1']);
    expect(answers.filter(({ result }) => result === 'deny')).toHaveLength(18);
  });

  it('answers every attempt of one key with the same slot', async () => {
    const [first, second] = await Promise.all([create('a'), create('a', { attempt: 2 })]);
    const third = await create('a', { attempt: 3 });
    expect([first, second, third].map(({ effects }) => effects[0]?.key)).toEqual(['team-a/0', 'team-a/0', 'team-a/0']);
    expect(await heldBy()).toEqual(['a team-a/0']);
  });

  it('gives back what a release names, twice if asked twice, and lets the next one in', async () => {
    await create('a');
    await create('b');
    for (let time = 0; time < 2; time += 1) {
      expect(await release('a', [{ key: 'team-a/0', handle: { number: 0 } }], 'another-key')).toEqual({ released: ['team-a/0'], failed: [] });
    }
    expect(await heldBy()).toEqual(['b team-a/1']);
    expect(await create('c')).toMatchObject({ result: 'ok', effects: [{ key: 'team-a/0' }] });
    // A late second release of what was a's must not take c's slot.
    await release('a', [{ key: 'team-a/0', handle: { number: 0 } }], 'another-key');
    expect(await heldBy()).toEqual(['b team-a/1', 'c team-a/0']);
  });

  it('gives back what was made under the key where the answer was lost, and nothing else', async () => {
    await create('a');
    await release('a', [], 'key-of-another-run');
    expect(await heldBy()).toEqual(['a team-a/0']);
    expect(await release('a', [])).toEqual({ released: [], failed: [] });
    expect(await heldBy()).toEqual([]);
    await create('b');
    await release('b', [{ key: 'key-b', handle: null }]);
    expect(await heldBy()).toEqual([]);
  });

  it('makes nothing under a key that was released', async () => {
    await release('a', []);
    expect(await failure(create('a'))).toMatchObject({ code: 'hook_protocol_error', message: expect.stringContaining('409') });
    expect(await heldBy()).toEqual([]);
    expect(await create('a', { key: 'next-run' })).toMatchObject({ result: 'ok' });
  });

  it('remembers what is held after a restart', async () => {
    await create('a');
    await stop();
    await start();
    expect(await heldBy()).toEqual(['a team-a/0']);
    expect(await create('a', { attempt: 2 })).toMatchObject({ effects: [{ key: 'team-a/0' }] });
  });

  it('refuses a call that is not signed with its secret', async () => {
    await stop();
    await start('another secret');
    expect(await failure(create('a'))).toMatchObject({ code: 'hook_protocol_error', message: expect.stringMatching(/401.*does not match/) });
  });
});
