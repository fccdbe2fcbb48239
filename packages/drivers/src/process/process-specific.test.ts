import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Driver, DriverCall, DriverObservation } from '@tenon/lifecycle';
import { aRequest, type RequestOverrides } from '@tenon/lifecycle/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processDriver } from './driver.ts';
import { findShims, groupMembers } from './process-table.ts';

const isRoot = process.getuid?.() === 0;

describe('process driver', () => {
  let dataDir: string;
  let driver: Driver;
  let made: DriverCall[];

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tenon-process-'));
    await chmod(dataDir, 0o755);
    driver = processDriver({ dataDir, installation: 'specific', stopGraceMs: 400, pollMs: 50, logCapBytes: 4096 });
    made = [];
  });
  afterEach(async () => {
    for (const call of made) await driver.delete({ ...call, signal: AbortSignal.timeout(10_000) });
    await driver.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  function prepare(script: string, overrides: RequestOverrides = {}): DriverCall {
    const id = randomUUID();
    const request = aRequest({ driver: 'process', command: ['sh', '-c', script], ...overrides });
    const call: DriverCall = {
      sandbox: { id, name: request.name, workspace: request.workspace },
      plan: driver.plan(request, id),
      resolveSecret: async (secret) => `plain of ${secret}`,
      idempotencyKey: randomUUID(),
      signal: AbortSignal.timeout(20_000),
    };
    made.push(call);
    return call;
  }
  async function launch(script: string, overrides: RequestOverrides = {}): Promise<DriverCall> {
    const call = prepare(script, overrides);
    await driver.create(call);
    await driver.start(call);
    return call;
  }
  const config = (block: Record<string, unknown>): RequestOverrides => ({ template: { driverConfig: { process: block as never } } });
  const directory = (call: DriverCall): string => join(dataDir, 'process', call.sandbox.id);
  const logs = (call: DriverCall, tail = 1000): Promise<string> => driver.logs(call.sandbox, call.plan, { tail });
  async function ended(call: DriverCall): Promise<DriverObservation> {
    for (;;) {
      const now = await driver.inspect(call.sandbox, call.plan);
      if (now.state !== 'running') return now;
      await pause(10);
    }
  }

  it('gives the command the environment of the plan and nothing else', async () => {
    const call = await launch('', { command: ['env'], environment: { A: 'one', HOME: '/nowhere' } });
    await ended(call);
    const lines = (await logs(call)).trim().split('\n').sort();
    expect(lines).toEqual(
      [
        'A=one',
        'HOME=/nowhere',
        'PATH=/usr/local/bin:/usr/bin:/bin',
        `TENON_SANDBOX_ID=${call.sandbox.id}`,
        'TENON_SANDBOX_NAME=demo',
        'TENON_WORKSPACE=default',
      ].sort(),
    );
  });

  it.runIf(isRoot)('runs as nobody where Tenon is root, in a directory that is its own', async () => {
    const call = await launch('id -u; id -g; id -G; echo data >mine; cat mine', config({ files: [{ path: 'a/b.txt', contents: 'x', mode: '0600' }] }));
    await ended(call);
    expect((await logs(call)).trim().split('\n')).toEqual(['65534', '65534', '65534', 'data']);
    expect(await stat(join(directory(call), 'work/a/b.txt'))).toMatchObject({ uid: 65_534, gid: 65_534, mode: 0o100600 });
    expect(await stat(join(directory(call), 'sandbox.json'))).toMatchObject({ uid: 0, mode: 0o100600 });
  });

  it.runIf(isRoot)('keeps record and log out of the sandbox’s reach', async () => {
    const call = await launch('cat ../sandbox.json; cat ../log; ls ..; echo x >../sandbox.json; rm -f ../started ../exit; ls -l /proc/self/fd; echo done');
    expect((await ended(call)).state).toBe('exited');
    const text = await logs(call);
    expect(text).toContain('Permission denied');
    expect(text).not.toMatch(/-> .*\/(started|exit)\n/);
    expect((await driver.inspect(call.sandbox, null)).exitCode).toBe(0);
    expect(text).not.toContain('"installation"');
    expect(JSON.parse(await readFile(join(directory(call), 'sandbox.json'), 'utf8')).sandbox.id).toBe(call.sandbox.id);
  });

  it('writes files with their contents and mode, secrets resolved, and works in cwd', async () => {
    const call = prepare('pwd; cat ../conf/token; stat -c %a ../conf/token', {
      ...config({ cwd: 'app/src', files: [{ path: 'app/conf/token', contents: { $secret: 's1' }, mode: '0640' }] }),
    });
    expect(JSON.stringify(call.plan)).not.toContain('plain of');
    await driver.create(call);
    expect(await readFile(join(directory(call), 'sandbox.json'), 'utf8')).not.toContain('plain of');
    await driver.start(call);
    await ended(call);
    expect((await logs(call)).trim().split('\n')).toEqual([`${directory(call)}/work/app/src`, 'plain of s1640'].flatMap((line) => line.split('\n')));
  });

  it('sets the limits, and says which one cannot be set', async () => {
    const call = await launch('ulimit -n; ulimit -v; ulimit -t', {
      template: { resources: { memoryLimit: '64Mi' }, driverConfig: { process: { limits: { nofile: 99, cpu_seconds: 7 } } } },
    });
    await ended(call);
    expect((await logs(call)).trim().split('\n')).toEqual(['99', '65536', '7']);
  });

  it('runs in a process group of its own and ends what the command leaves behind', async () => {
    const call = await launch('sleep 600 & exit 5');
    const { exitCode, instance } = await ended(call);
    expect(exitCode).toBe(5);
    await pause(100);
    expect(await groupMembers(Number(instance?.split('@')[0]))).toEqual([]);
  });

  it('stops children that left the group', async () => {
    const call = await launch('setsid sleep 601 & sleep 600');
    await pause(100);
    await driver.stop(call);
    const { stdout } = spawnSync('pgrep', ['-f', '^sleep 601$'], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect((await driver.inspect(call.sandbox, null)).reason).toBe('stopped');
  });

  it('gives code 143 to a command that ended at the first request, 137 to one that had to be killed', async () => {
    const polite = await launch('exec sleep 600');
    await driver.stop(polite);
    expect(await driver.inspect(polite.sandbox, null)).toMatchObject({ state: 'exited', exitCode: 143, reason: 'stopped' });
    expect(await logs(polite)).toBe('');
    const stubborn = await launch("trap '' TERM; while :; do sleep 0.1; done");
    await pause(100);
    await driver.stop(stubborn);
    expect(await driver.inspect(stubborn.sandbox, null)).toMatchObject({ state: 'exited', exitCode: 137, reason: 'stopped' });
  });

  it('lets a command end in its own way when asked, with its own code', async () => {
    const call = await launch("trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done");
    while (!(await logs(call)).includes('up')) await pause(10);
    await driver.stop(call);
    expect(await driver.inspect(call.sandbox, null)).toMatchObject({ exitCode: 7, message: 'stopped on request; the command ended with code 7' });
    expect(await logs(call)).toContain('bye');
  });

  it.each([
    ['no-such-program', 127, 'not found'],
    ['/etc/passwd', 126, 'could not be executed'],
  ])('says why %s did not run', async (program, code, message) => {
    const call = await launch('', { command: [program] });
    const end = await ended(call);
    expect(end).toMatchObject({ state: 'exited', exitCode: code });
    expect(end.message).toContain(message);
  });

  it('says by which signal a command ended', async () => {
    const call = await launch('kill -s SEGV $$');
    expect(await ended(call)).toMatchObject({ exitCode: 139, reason: 'signal' });
  });

  it('cuts a log at its cap and still tails it', async () => {
    const call = await launch('i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); done; sleep 600');
    while (!(await logs(call)).includes('line 1999')) await pause(10);
    for (let tries = 0; tries < 200 && (await stat(join(directory(call), 'log'))).size > 4096; tries++) await pause(25);
    expect((await stat(join(directory(call), 'log'))).size).toBeLessThanOrEqual(4096);
    expect((await logs(call, 2)).trim().split('\n').at(-1)).toBe('line 1999');
  });

  it('finds a shim that a killed Tenon had started but not recorded, and does not start a second', async () => {
    const call = await launch('exec sleep 600');
    const { instance } = await driver.inspect(call.sandbox, null);
    const record = join(directory(call), 'sandbox.json');
    await writeFile(record, JSON.stringify({ ...JSON.parse(await readFile(record, 'utf8')), process: null }));
    expect(await driver.inspect(call.sandbox, null)).toMatchObject({ state: 'running', instance });
    expect((await driver.start(call)).instance).toBe(instance);
    expect((await findShims(`tenon-sandbox:specific:${call.sandbox.id}`)).length).toBe(1);
  });

  it('does not take another process for the recorded one', async () => {
    const call = await launch('exit 0');
    await ended(call);
    const record = join(directory(call), 'sandbox.json');
    const file = JSON.parse(await readFile(record, 'utf8'));
    await writeFile(record, JSON.stringify({ ...file, process: { ...file.process, pid: process.pid } }));
    expect((await driver.inspect(call.sandbox, null)).state).toBe('exited');
    await driver.stop(call);
  });

  it('reports one whose directory was removed as running, until it is stopped', async () => {
    const call = await launch('exec sleep 600');
    await rm(directory(call), { recursive: true });
    expect(await driver.inspect(call.sandbox, null)).toMatchObject({ state: 'running', reason: 'directory_gone' });
    expect((await driver.list()).map((row) => row.sandboxId)).toContain(call.sandbox.id);
    await driver.delete(call);
    expect((await driver.inspect(call.sandbox, null)).state).toBe('absent');
  });

  it('refuses the directory of another installation', async () => {
    const call = prepare('exit 0');
    await driver.create(call);
    const other = processDriver({ dataDir, installation: 'someone-else' });
    await expect(other.create(call)).rejects.toMatchObject({ code: 'driver_failed', message: expect.stringContaining('installation specific') });
    expect(await other.list()).toEqual([]);
    await other.close();
  });

  it('is not led astray by links that the sandbox makes', async () => {
    const secret = join(dataDir, 'secret');
    await writeFile(secret, '77\n');
    const call = await launch(`ln -sf ${secret} ../exit; ln -sf ${secret} exit; ln -s ${dataDir} out; exit 4`);
    expect((await ended(call)).exitCode).toBe(isRoot ? 4 : null);
    await driver.delete(call);
    expect(await readFile(secret, 'utf8')).toBe('77\n');
    expect((await readdir(dataDir)).sort()).toEqual(['process', 'secret']);
  });

  it('never writes a file through a link or outside, whatever the plan says', async () => {
    const call = prepare('exit 0');
    const plan = call.plan as { files: unknown[] };
    for (const path of ['../evil', '/etc/evil', 'a/../../evil', 'a//b', './a', '', 'a/']) {
      const bad = { ...plan, files: [{ path, contents: 'x', mode: '0644' }] };
      expect(driver.validate(bad as never).length, path).toBeGreaterThan(0);
      await expect(driver.create({ ...call, plan: bad as never })).rejects.toMatchObject({ code: 'plan_invalid' });
    }
    await mkdir(join(dataDir, 'process'), { recursive: true });
    expect((await readdir(join(dataDir, 'process'))).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  it('takes an id that is no path for no path', async () => {
    const call = prepare('exit 0');
    const hostile = { ...call, sandbox: { ...call.sandbox, id: '../../etc/x' } };
    await driver.create(hostile);
    expect((await driver.inspect(hostile.sandbox, null)).state).toBe('created');
    await driver.delete(hostile);
    expect((await driver.inspect(hostile.sandbox, null)).state).toBe('absent');
  });

  it('is whole or not there: what a killed create left is no sandbox, and goes', async () => {
    const call = prepare('exit 0');
    await driver.create(call);
    await rename(directory(call), join(dataDir, 'process', '.new-left'));
    expect((await driver.inspect(call.sandbox, null)).state).toBe('absent');
    expect(await driver.list()).toEqual([]);
  });

  it('runs a command beside the workload, in its environment and directory', async () => {
    const call = await launch('echo here >mark; exec sleep 600', { environment: { API_KEY: { $secret: 'k' } } });
    while (!(await readdir(join(directory(call), 'work'))).includes('mark')) await pause(10);
    const exec = driver.services().exec;
    const signal = AbortSignal.timeout(5_000);
    expect(await exec?.({ sandbox: call.sandbox, command: ['sh', '-c', 'cat mark; echo "$API_KEY"; exit 3'], signal })).toEqual({
      exitCode: 3,
      output: 'here\nplain of k\n',
    });
    await expect(exec?.({ sandbox: call.sandbox, command: ['no-such'], signal })).rejects.toMatchObject({ code: 'driver_failed' });
    await expect(exec?.({ sandbox: call.sandbox, command: ['sleep', '60'], signal: AbortSignal.timeout(50) })).rejects.toMatchObject({
      code: 'driver_unavailable',
    });
    await driver.stop(call);
    await expect(exec?.({ sandbox: call.sandbox, command: ['true'], signal })).rejects.toThrow('does not run');
  });

  it('probes loopback ports', async () => {
    const call = await launch('exec sleep 600');
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const probe = driver.services().tcp_probe;
    const signal = AbortSignal.timeout(5_000);
    expect(await probe?.({ sandbox: call.sandbox, port, signal })).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    expect(await probe?.({ sandbox: call.sandbox, port, signal })).toBe(false);
  });

  it('says where it has no isolation, and where the sandbox’s user cannot go', async () => {
    expect((await driver.capabilities()).isolation).toBe('none');
    await chmod(dataDir, 0o700);
    const health = await driver.health();
    expect(health.state).toBe(isRoot ? 'degraded' : 'healthy');
    if (isRoot) expect(health.detail).toContain(dataDir);
  });

  it('names an unreadable record in its health and goes on', async () => {
    const call = prepare('exit 0');
    await driver.create(call);
    await mkdir(join(dataDir, 'process', 'broken'));
    await writeFile(join(dataDir, 'process', 'broken', 'sandbox.json'), '{');
    expect((await driver.list()).map((row) => row.sandboxId)).toEqual([call.sandbox.id]);
    expect((await driver.health()).detail).toContain('broken');
    await symlink('/nowhere', join(dataDir, 'process', 'dangling'));
    expect(await driver.list()).toHaveLength(1);
    expect((await lstat(join(dataDir, 'process', 'dangling'))).isSymbolicLink()).toBe(true);
  });
});
