import { describe, expect, it } from 'vitest';
import { atLeast, dockerCapabilities } from './capabilities.ts';
import { describeAddress, dockerSettings, parseAddress } from './config.ts';
import { demultiplex } from './demultiplex.ts';
import { detectDocker } from './detect.ts';
import { eventSandbox } from './events.ts';
import { splitReference } from './images.ts';
import { firstAddress } from './networks.ts';
import { observationOf, sandboxOf } from './observation.ts';
import { listensOn } from './services.ts';

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

describe('what the Engine says, read', () => {
  it('takes both streams apart, characters whole across frames, a cut end as far as it came', () => {
    const euro = Buffer.from('€');
    const split = Buffer.concat([frame(1, 'a\n'), frame(2, 'b\n')]);
    expect(demultiplex(split)).toBe('a\nb\n');
    const half = (part: Buffer): Buffer => Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, part.length]), part]);
    expect(demultiplex(Buffer.concat([half(euro.subarray(0, 1)), half(euro.subarray(1))]))).toBe('€');
    expect(demultiplex(frame(1, 'abcdef').subarray(0, 11))).toBe('abc');
    expect(demultiplex(Buffer.alloc(3))).toBe('');
  });

  it('takes an event for ours by its labels, and never stumbles', () => {
    const event = (attributes: object): string => JSON.stringify({ Type: 'container', Action: 'die', Actor: { ID: 'x', Attributes: attributes } });
    expect(eventSandbox(event({ 'tenon.dev/installation': 'i', 'tenon.dev/sandbox-id': 's' }), 'i')).toBe('s');
    expect(eventSandbox(event({ 'tenon.dev/installation': 'j', 'tenon.dev/sandbox-id': 's' }), 'i')).toBeNull();
    for (const line of ['', '{', 'null', '[]', '{"Actor":null}', event({})]) expect(eventSandbox(line, 'i')).toBeNull();
    expect(sandboxOf(null, 'i')).toBeNull();
  });

  it.each([
    ['busybox', 'busybox', 'latest'],
    ['busybox:1', 'busybox', '1'],
    ['host:5000/a/b', 'host:5000/a/b', 'latest'],
    ['host:5000/a/b:2', 'host:5000/a/b', '2'],
    ['a@sha256:0', 'a@sha256:0', null],
  ])('splits the reference %s', (image, name, tag) => expect(splitReference(image)).toEqual({ name, tag }));

  it('finds listeners in a table of sockets', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue',
      '   0: 0100007F:2382 00000000:0000 0A 00000000',
      '   1: 00000000:1F90 0100007F:1234 01 00000000',
      '   2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0',
    ].join('\n');
    expect([9090, 8080, 80, 0].map((port) => listensOn(table, port))).toEqual([true, false, true, false]);
  });

  it.each([
    ['10.30.0.0/24', '10.30.0.1'],
    ['10.30.0.77/24', '10.30.0.1'],
    ['192.168.255.128/25', '192.168.255.129'],
    ['10.0.0.0/31', null],
    ['fd00::/64', null],
    ['10.0.0.999/24', null],
  ])('the gateway of %s is %s', (subnet, first) => expect(firstAddress(subnet)).toBe(first));

  it('reads addresses of Engines', async () => {
    expect(parseAddress('unix:///run/x.sock')).toEqual({ kind: 'unix', path: '/run/x.sock' });
    expect(parseAddress('tcp://10.0.0.1:2376')).toEqual({ kind: 'tcp', host: '10.0.0.1', port: 2376 });
    expect(parseAddress('ssh://me@host')).toBeNull();
    expect(() => dockerSettings({ host: 'nonsense', installation: 'i' }, {})).toThrow('"nonsense" is no address');
    expect(describeAddress(dockerSettings({ installation: 'i' }, {}).address)).toBe('unix:///var/run/docker.sock');
    expect(describeAddress(dockerSettings({ installation: 'i' }, { DOCKER_HOST: 'tcp://h' }).address)).toBe('tcp://h:2375');
    expect(await detectDocker({ DOCKER_HOST: 'unix:///no/such.sock' })).toMatchObject({ found: false, reason: expect.stringContaining('ENOENT') });
    expect(await detectDocker({ DOCKER_HOST: 'ssh://x' })).toMatchObject({ found: false, reason: expect.stringContaining('ssh://x') });
  });

  it('compares versions and lists features accordingly', () => {
    expect([atLeast('1.45', 1, 45), atLeast('1.41', 1, 45), atLeast('2.0', 1, 45), atLeast('x', 1, 1)]).toEqual([true, false, true, false]);
    const settings = dockerSettings({ socketPath: '/s', installation: 'i', enableBindMounts: true }, {});
    expect(dockerCapabilities(settings, null).features).toEqual(['healthcheck', 'static_addresses', 'bind_mounts']);
    expect(dockerCapabilities(settings, { version: '28', apiVersion: '1.50', cdi: true, volumeSubpath: true, init: true })).toMatchObject({
      version: 'docker 28 (API 1.50)',
      features: expect.arrayContaining(['cdi_devices', 'volume_subpath']),
    });
  });
});

describe('a container, observed', () => {
  const base = { Status: 'exited', Running: false, Paused: false, Restarting: false, OOMKilled: false, Dead: false, Pid: 0, ExitCode: 0, Error: '' };
  const at = (state: object) =>
    observationOf('s', {
      Id: 'abcdef0123456789',
      State: { ...base, StartedAt: '2026-11-24T10:00:00Z', FinishedAt: '', ...state },
      HostConfig: { Memory: 42 },
    });
  const never = { StartedAt: '0001-01-01T00:00:00Z' };

  it.each([
    [
      { Status: 'created', ...never },
      { state: 'created', instance: null, reason: null },
    ],
    [
      { Status: 'created', ...never, ExitCode: 127, Error: 'no such file' },
      { state: 'created', reason: 'start_failed', message: 'no such file' },
    ],
    [
      { Status: 'running', Running: true },
      { state: 'running', ready: true, instance: 'abcdef012345@2026-11-24T10:00:00Z' },
    ],
    [
      { Status: 'paused', Running: true, Paused: true },
      { state: 'running', ready: false, reason: 'paused' },
    ],
    [
      { Status: 'running', Health: { Status: 'starting', Log: [] } },
      { state: 'running', ready: false, reason: 'starting' },
    ],
    [{ Status: 'running', Health: { Status: 'healthy', Log: [] } }, { ready: true }],
    [
      { Status: 'running', Health: { Status: 'unhealthy', Log: [{ ExitCode: 1, Output: 'no route\n' }] } },
      { ready: false, message: 'health is unhealthy; its check answered 1: no route' },
    ],
    [{ ExitCode: 3 }, { state: 'exited', exitCode: 3, reason: 'exited' }],
    [
      { ExitCode: 137, OOMKilled: true },
      { exitCode: 137, reason: 'oom_killed', message: expect.stringContaining('limit 42 bytes') },
    ],
    [{ ExitCode: 139 }, { reason: 'signal', message: 'the command was ended by signal 11 (code 139)' }],
    [
      { ExitCode: 128, Error: 'cgroup gone' },
      { reason: 'error', message: 'cgroup gone (code 128)' },
    ],
    [
      { Status: 'dead', Dead: true },
      { state: 'exited', reason: 'dead' },
    ],
  ])('%j', (state, expected) => expect(at(state)).toMatchObject(expected));
});
