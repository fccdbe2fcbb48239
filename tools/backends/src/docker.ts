import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Backend, BackendProblem, type BackendStatus } from './backend.ts';
import { addBridge, type Bridge, removeBridge } from './docker-bridge.ts';
import { engineRequest } from './docker-engine.ts';
import { ensureBusybox } from './docker-image.ts';
import { findProgram } from './find-program.ts';
import { backendsDirectory, dropState, placeOf, readState, writeState } from './place.ts';
import { end, isAlive, type RecordedProcess, record, startDetached } from './recorded-process.ts';
import { waitUntil } from './wait-until.ts';

const NAME = 'docker';

interface DockerState {
  readonly process: RecordedProcess;
  /** containerd is dockerd's child and outlives it where dockerd is killed; null until dockerd has started it. */
  readonly containerd: RecordedProcess | null;
  readonly bridge: Bridge;
}

/** What a daemon needs of Debian: the program looked for, and the package that has it. */
const NEEDS = [
  ['dockerd', 'docker.io'],
  ['ip', 'iproute2'],
  ['busybox', 'busybox-static'],
] as const;

/**
 * A Docker Engine of its own: data, run-time state, socket, pid file and default bridge are all ours, and the firewall of the
 * machine is left as it is, so that it stands beside any other Engine. Its image `busybox:1` comes from Debian, from no registry.
 */
export const docker: Backend = {
  name: NAME,

  async up() {
    const missing = absentPackages();
    if (missing.length > 0) throw new BackendProblem(describeAbsent(missing), `apt-get install -y ${missing.join(' ')}`);
    if (process.getuid?.() !== 0) throw new BackendProblem('dockerd needs root', 'run this as root, or point DOCKER_HOST of the tests at an Engine that runs');
    const state = readState<DockerState>(NAME);
    if (!state || !(await answers(state.process))) await start(state);
    await ensureBusybox(socket(), placeOf(NAME));
    return look();
  },

  async down() {
    const before = readState<DockerState>(NAME);
    if (!before) return { state: 'down', detail: 'nothing of ours runs', pid: null };
    // A daemon that was killed left its containers running: only the daemon, started once more, knows how to end them.
    if (!isAlive(before.process)) await start(before);
    const state = readState<DockerState>(NAME) ?? before;
    // dockerd stops its containers first, each with ten seconds of grace.
    const gone = await end(state.process, [
      ['SIGTERM', 45_000],
      ['SIGKILL', 5_000],
    ]);
    if (!gone) throw new BackendProblem(`dockerd (pid ${state.process.pid}) does not end`, `look into ${log()}`);
    const containerd = state.containerd ?? recordedContainerd();
    if (containerd) await end(containerd, [['SIGTERM', 10_000]]);
    unmountBelow(placeOf(NAME));
    removeBridge(state.bridge);
    dropState(NAME);
    return { state: 'down', detail: 'ended', pid: null };
  },

  async status() {
    return look();
  },

  async env() {
    const state = readState<DockerState>(NAME);
    return state && isAlive(state.process) ? { DOCKER_HOST: `unix://${socket()}` } : {};
  },
};

async function look(): Promise<BackendStatus> {
  const state = readState<DockerState>(NAME);
  if (!state || !isAlive(state.process)) {
    const missing = absentPackages();
    return missing.length > 0 ? { state: 'missing', detail: describeAbsent(missing), pid: null } : { state: 'down', detail: 'not started', pid: null };
  }
  const version = await engineRequest(socket(), 'GET', '/version');
  if (version.status !== 200) return { state: 'down', detail: `dockerd runs and answers ${version.status}; ${log()}`, pid: state.process.pid };
  const { Version } = JSON.parse(version.body) as { Version: string };
  return { state: 'up', detail: `unix://${socket()} (Engine ${Version}, busybox:1)`, pid: state.process.pid };
}

async function start(before: DockerState | null): Promise<void> {
  const place = placeOf(NAME);
  const bridge = before?.bridge ?? addBridge(`tenon-${createHash('sha256').update(backendsDirectory()).digest('hex').slice(0, 8)}`);
  const args = [
    ...['--data-root', join(place, 'data'), '--exec-root', join(place, 'exec'), '--pidfile', join(place, 'dockerd.pid'), '--host', `unix://${socket()}`],
    ...['--bridge', bridge.name, '--default-address-pool', `base=${bridge.pool},size=24`],
    ...['--iptables=false', '--ip6tables=false', '--ip-masq=false', '--userland-proxy=false'],
  ];
  if (before) await forgetDead(before, place);
  const dockerd = findProgram('dockerd');
  if (!dockerd) throw new BackendProblem('no dockerd', 'apt-get install -y docker.io');
  const recorded = await startDetached(dockerd, args, { log: log(), cwd: place });
  // Recorded before it answers: a start that is interrupted here can still be ended by `down`.
  writeState(NAME, { process: recorded, containerd: null, bridge } satisfies DockerState);
  const answers = await waitUntil(async () => !isAlive(recorded) || (await engineRequest(socket(), 'GET', '/_ping')).status === 200, 60_000);
  if (!answers || !isAlive(recorded))
    throw new BackendProblem(`dockerd did not come up: ${lastLine(log())}`, `look into ${log()}, then: npm run backends -- down docker`);
  writeState(NAME, { process: recorded, containerd: recordedContainerd(), bridge } satisfies DockerState);
}

/** dockerd takes a pid in a file for a live daemon, even where it is a zombie or somebody else's by now: files of the dead are removed. */
async function forgetDead(before: DockerState, place: string): Promise<void> {
  rmSync(join(place, 'dockerd.pid'), { force: true });
  const { containerd } = before;
  // The kernel ends containerd with its dockerd, a moment later.
  const dead = containerd === null || (await waitUntil(async () => !isAlive(containerd), 3_000));
  if (dead) rmSync(join(place, 'exec', 'containerd', 'containerd.pid'), { force: true });
}

/** Waits until the daemon answers; false where it died or stayed silent. */
async function answers(dockerd: RecordedProcess): Promise<boolean> {
  const settled = await waitUntil(async () => !isAlive(dockerd) || (await engineRequest(socket(), 'GET', '/_ping')).status === 200, 60_000);
  return settled && isAlive(dockerd);
}

function recordedContainerd(): RecordedProcess | null {
  const file = join(placeOf(NAME), 'exec', 'containerd', 'containerd.pid');
  return existsSync(file) ? record(Number(readFileSync(file, 'utf8').trim())) : null;
}

/** A dockerd that was killed leaves its mounts behind; nothing of ours uses them now, and they would keep the directory from being removed. */
function unmountBelow(place: string): void {
  const mounted = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))))
    .filter((point) => point.startsWith(`${place}/`));
  // Newest first: what is mounted on a mount goes before it.
  for (const point of mounted.reverse()) {
    const done = spawnSync('umount', [point], { encoding: 'utf8' });
    if (done.status !== 0) throw new BackendProblem(`umount ${point}: ${done.stderr.trim()}`, `end what uses ${point}, then: npm run backends -- down docker`);
  }
}

function absentPackages(): string[] {
  return NEEDS.filter(([program]) => !findProgram(program)).map(([, name]) => name);
}

function describeAbsent(packages: readonly string[]): string {
  return `not installed: ${packages.join(', ')}. Get them with: apt-get install -y ${packages.join(' ')}`;
}

function socket(): string {
  return join(backendsDirectory(), NAME, 'docker.sock');
}

function log(): string {
  return join(placeOf(NAME), 'log');
}

function lastLine(file: string): string {
  return existsSync(file) ? (readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? '') : 'it wrote no log';
}
