import type { Json } from '@tenon/lifecycle';
import { aRequest } from '@tenon/lifecycle/testing';
import { describe, expect, it } from 'vitest';
import { parseExit } from './client.ts';
import { type ProcessPlan, planProcess, processIssues, staysInside } from './planner.ts';
import { parseStat } from './process-table.ts';
import { directoryName } from './sandbox-directory.ts';

const driver = { name: 'process', installation: 'inst' };
const planOf = (overrides: Parameters<typeof aRequest>[0] = {}): ProcessPlan => planProcess(driver, aRequest(overrides), 'id-1');
const issuesOf = (change: Partial<Record<keyof ProcessPlan, unknown>>) => processIssues({ ...planOf(), ...change } as unknown as Json);

describe('the process planner', () => {
  it('plans the whole shape', () => {
    expect(planOf({ template: { resources: { memoryLimit: '128Mi' } } })).toEqual({
      name: 'openshell-default--demo-id-1',
      command: ['sleep', '3600'],
      cwd: '.',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin', TENON_SANDBOX_ID: 'id-1', TENON_SANDBOX_NAME: 'demo', TENON_WORKSPACE: 'default' },
      labels: {
        'openshell.ai/managed-by': 'openshell',
        'openshell.ai/sandbox-id': 'id-1',
        'openshell.ai/sandbox-name': 'demo',
        'openshell.ai/sandbox-namespace': 'tenon',
        'openshell.ai/sandbox-workspace': 'default',
        'tenon.dev/sandbox-id': 'id-1',
        'tenon.dev/installation': 'inst',
      },
      files: [],
      limits: { nofile: 1024, memoryBytes: 134_217_728, cpuSeconds: null },
    });
  });

  it('lets the request choose its PATH, and ignores the image', () => {
    expect(planOf({ environment: { PATH: '/opt/bin' } }).env.PATH).toBe('/opt/bin');
    expect(planOf({ template: { image: 'a' } })).toEqual(planOf({ template: { image: null } }));
  });

  it.each([
    [{ command: [] }, '/command'],
    [{ gpu: { count: 1 } }, '/gpu'],
    [{ tty: true }, '/tty'],
    [{ template: { resources: { cpuLimit: '1' } } }, '/template/resources/cpuLimit'],
    [{ template: { resources: { memoryLimit: 'much' } } }, '/template/resources/memoryLimit'],
    [{ template: { driverConfig: { process: { limits: { nofile: 'many' } } } } }, '/template/driverConfig/process/limits/nofile'],
  ])('refuses %j at %s', (overrides, pointer) => {
    expect(() => planOf(overrides as never)).toThrow(expect.objectContaining({ code: 'validation_failed', context: expect.objectContaining({ pointer }) }));
  });

  it.each([
    [{ cwd: '/etc' }, '/cwd'],
    [{ cwd: '..' }, '/cwd'],
    [{ command: [''] }, '/command/0'],
    [{ env: { 'a-b': 'x' } }, '/env/a-b'],
    [{ env: { IFS: 'x' } }, '/env/IFS'],
    [{ env: { A: 'nul\0' } }, '/env/A'],
    [{ limits: { nofile: 4, memoryBytes: null, cpuSeconds: null } }, '/limits/nofile'],
    [{ limits: { nofile: 1.5, memoryBytes: null, cpuSeconds: null } }, '/limits/nofile'],
    [{ files: [{ path: 'x', contents: 'x', mode: '4755' }] }, '/files/x/mode'],
    [{ files: [{ path: '../x', contents: 'x', mode: '0644' }] }, '/files/..~1x'],
    [
      {
        files: [
          { path: 'a', contents: 'x', mode: '0644' },
          { path: 'a/b', contents: 'x', mode: '0644' },
        ],
      },
      '/files/a~1b',
    ],
  ])('finds what is wrong with %j at %s', (change, path) => expect(issuesOf(change as never).map((issue) => issue.path)).toContain(path));

  it('knows what stays inside', () => {
    expect(['a', 'a/b.c', '.hidden', 'a..b'].every(staysInside)).toBe(true);
    expect(['', '.', '..', '/a', 'a/', 'a//b', 'a/../b', 'a\nb', `${'x'.repeat(256)}`].some(staysInside)).toBe(false);
  });
});

describe('small readings', () => {
  it('reads a stat line whose name holds spaces and parentheses', () => {
    const tail = Array.from({ length: 40 }, (_, index) => String(index)).join(' ');
    expect(parseStat(`12 (a) b (c)) S ${tail}`)).toEqual({ state: 'S', group: 1, session: 2, startTime: '18' });
  });
  it('reads whole exit codes only', () => {
    expect([parseExit('3\n'), parseExit('255\n'), parseExit('3'), parseExit(''), parseExit('x\n'), parseExit(null)]).toEqual([3, 255, null, null, null, null]);
  });
  it('makes one safe path segment of any id', () => {
    expect(directoryName('0192f-abc')).toBe('0192f-abc');
    expect(directoryName('../x')).toMatch(/^id\.[0-9a-f]{64}$/);
    expect(directoryName('')).toMatch(/^id\./);
    expect(directoryName('.gone-1')).toMatch(/^id\./);
  });
});
