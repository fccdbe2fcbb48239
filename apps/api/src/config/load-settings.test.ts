import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSettings } from './load-settings.ts';

describe('the configuration', () => {
  let empty: string;
  const made: string[] = [];
  const directory = async (files: Record<string, string> = {}) => {
    const path = await mkdtemp(join(tmpdir(), 'tenon-settings-'));
    made.push(path);
    for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
    return path;
  };
  beforeAll(async () => {
    empty = await directory();
  });
  afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true, force: true }))));

  it('has a default for everything', async () => {
    expect(await loadSettings({ PATH: '/bin', TENON_HOST: '' }, empty)).toMatchObject({
      host: '127.0.0.1',
      port: 7333,
      dataDir: join(empty, '.tenon'),
      databaseUrl: null,
      drivers: null,
      logLevel: 'info',
      retention: { tracesMs: 30 * 86_400_000, eventsMs: 86_400_000 },
      web: true,
    });
  });

  it('reads YAML and TypeScript, and lets the environment win', async () => {
    const yaml = await directory({
      'tenon.config.yaml': 'port: 8000\nhost: 0.0.0.0\ndrivers: [process]\nretention: { tracesDays: 7 }\nlimits: { attempts: 5 }\n',
    });
    expect(await loadSettings({ TENON_PORT: '8001', TENON_DRIVERS: 'docker, process' }, yaml)).toMatchObject({
      port: 8001,
      host: '0.0.0.0',
      drivers: ['docker', 'process'],
      limits: { attempts: 5 },
      retention: { tracesMs: 7 * 86_400_000 },
    });
    const script = await directory({
      'tenon.config.ts':
        'const port: number = 9000;\nexport default { port, extensions: [{ manifest: { name: "x" }, hooks: {}, effects: {}, shared: {} }] };\n',
    });
    const settings = await loadSettings({}, script);
    expect([settings.port, settings.extensions.length]).toEqual([9000, 1]);
    expect((await loadSettings({ TENON_CONFIG: join(yaml, 'tenon.config.yaml') }, script)).port).toBe(8000);
  });

  it.each([
    [{ TENON_PORT: 'eighty' }, /TENON_PORT is "eighty": must be a port number/],
    [{ TENON_PORT: '99999' }, /TENON_PORT is "99999"/],
    [{ TENON_DRIVERS: 'process,vm' }, /TENON_DRIVERS\.1 is .*`vm` must be one of process, docker/],
    [{ DATABASE_URL: 'mysql://root:hunter2@x/y' }, /DATABASE_URL is set \(not shown\): must be a URL with postgres/],
    [{ TENON_BOOTSTRAP_TOKEN: 'short' }, /TENON_BOOTSTRAP_TOKEN is set \(not shown\): must be 16 to 512/],
    [{ TENON_LOG_LEVEL: 'loud' }, /TENON_LOG_LEVEL is "loud": must be one of trace/],
    [{ TENON_CONFIG: 'gone.yaml' }, /gone\.yaml, and there is no such file/],
  ])('names key, value and expectation in %j', async (environment, expected) => {
    await expect(loadSettings(environment, empty)).rejects.toThrow(expected);
    await expect(loadSettings(environment, empty)).rejects.not.toThrow(/hunter2|short$/);
  });

  it('refuses what it does not know in a file, all of it at once', async () => {
    const path = await directory({ 'tenon.config.yaml': 'prot: 1\nlimits: { attemps: 3 }\nsecretPattern: "("\n' });
    await expect(loadSettings({}, path)).rejects.toThrow(/prot is not a setting/);
    await expect(loadSettings({}, path)).rejects.toThrow(/limits\.attemps is not a setting/);
    await expect(loadSettings({}, path)).rejects.toThrow(/secretPattern is .*must be a regular expression/);
    const broken = await directory({ 'tenon.config.ts': 'export default {' });
    await expect(loadSettings({}, broken)).rejects.toThrow(/tenon\.config\.ts cannot be used/);
  });
});
