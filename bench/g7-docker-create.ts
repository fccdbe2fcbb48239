import { existsSync } from 'node:fs';
import { detectDocker, dockerDriver } from '@tenon/drivers/docker';
import { createEngine, defineExtension, type Extension, type HookContext, inProcessTransport, newId, systemClock } from '@tenon/lifecycle';
import { anIncomingRequest, OPERATOR } from '@tenon/lifecycle/testing';
import Docker from 'dockerode';
import { BackendAbsent, type Outcome } from './figures.ts';
import { withDatabase } from './postgres.ts';
import { compare } from './rounds.ts';

const GOAL = { name: 'G7', bound: '<=', limit: 1.1 } as const;
const EXTENSIONS = 10;
const ROUNDS = 24;
const IMAGE = 'busybox:1';
const COMMAND = ['sleep', '3600'];
const TEST_SOCKET = '/tmp/tenon-dockerd/docker.sock';

/** From the request to a ready sandbox on Docker, with ten extensions, journal and trace, over the bare create, start and inspect of an equal container. */
export async function g7DockerCreate(): Promise<readonly Outcome[]> {
  const host = await engineHost();
  const docker = new Docker(
    host.startsWith('unix://') ? { socketPath: host.slice('unix://'.length) } : { host: new URL(host).hostname, port: new URL(host).port },
  );
  if ((await docker.listImages({ filters: { reference: [IMAGE] } })).length === 0)
    throw new BackendAbsent('docker', `image ${IMAGE} is not there: \`npm run backends -- up docker\` makes it`);
  return withDatabase(async ({ opened }) => {
    const installation = `bench-${newId().slice(-8)}`;
    const driver = dockerDriver({ host, installation, stopGraceMs: 1 });
    const extensions = Array.from({ length: EXTENSIONS }, (_, i) => extensionOf(i));
    const engine = createEngine({
      store: opened.store,
      vault: opened.vault,
      pools: opened.pools,
      shared: opened.shared,
      clock: systemClock,
      drivers: [driver],
      transports: { in_process: inProcessTransport(extensions) },
      holder: installation,
      installation,
      log: { info: () => undefined, warn: () => undefined, error: (fields, message) => console.error(message, fields) },
    });
    await engine.installInProcess(extensions.map((extension) => ({ extension, source: 'configured' })));
    for (const { manifest } of extensions) await engine.createActivation(activationOf(manifest.name), OPERATOR);
    try {
      const { ours, peer, ratio } = await compare(
        ROUNDS,
        async () => {
          const before = performance.now();
          const { sandbox, run } = await engine.createSandbox(anIncomingRequest({ template: { image: IMAGE }, command: COMMAND }), OPERATOR);
          const ended = await engine.waitForRun(run.id, 60_000);
          const took = performance.now() - before;
          if (ended.status !== 'succeeded') throw new Error(`a create ended ${ended.status}: ${ended.firstError?.message}`);
          const gone = await engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null });
          await engine.waitForRun(gone.run.id, 60_000);
          return took;
        },
        async () => {
          const before = performance.now();
          const container = await docker.createContainer(rawContainer(installation));
          await container.start();
          await container.inspect();
          const took = performance.now() - before;
          await container.remove({ force: true, v: true });
          return took;
        },
      );
      const detail = `${EXTENSIONS} extensions: Tenon ${ours.toFixed(0)} ms from request to ready, dockerode ${peer.toFixed(0)} ms, medians of ${ROUNDS} turns`;
      return [{ goal: GOAL, figure: ratio, detail }];
    } finally {
      await engine.drain(5_000);
      await driver.close();
      for (const { Id } of await docker.listContainers({ all: true, filters: { label: [`bench=${installation}`] } }))
        await docker.getContainer(Id).remove({ force: true });
    }
  });
}

async function engineHost(): Promise<string> {
  const given = process.env.DOCKER_HOST ?? (existsSync(TEST_SOCKET) ? `unix://${TEST_SOCKET}` : undefined);
  const found = await detectDocker(given === undefined ? {} : { DOCKER_HOST: given });
  if (!found.found) throw new BackendAbsent('docker', `no Docker Engine at ${found.host}: ${found.reason}`);
  return found.host;
}

/** Hooks in four phases, changes in one: about what an extension that labels, sets a variable and looks after readiness does. */
function extensionOf(i: number): Extension {
  return defineExtension<{ labels: Record<string, string>; env: Record<string, string> }>({
    name: `bench-${i}`,
    revision: '1.0.0',
    description: 'labels, sets a variable and looks on',
    activation: { mode: 'global' },
    drivers: ['docker'],
    hooks: {
      validate_request: { run: lookOn },
      prepare_plan: {
        points: ['docker.labels', 'docker.env'],
        run: (ctx) => {
          ctx.plan.labels[`bench-${i}`] = ctx.sandbox.name;
          ctx.plan.env[`BENCH_${i}`] = 'on';
        },
      },
      before_create: { run: lookOn },
      after_ready: { run: lookOn },
    },
  });
}

async function lookOn(ctx: Pick<HookContext, 'sandbox'>): Promise<undefined> {
  if (ctx.sandbox.workspace === 'closed') throw new Error('no sandbox here');
}

function activationOf(extension: string) {
  return {
    extension,
    revision: null,
    scope: { drivers: null, workspaces: null },
    mode: 'enforce',
    percentage: 100,
    order: 1000,
    config: {},
    requestSettable: [],
    overrides: [],
    grant: null,
    failurePolicy: {},
    reason: 'measured by the bench',
  } as const;
}

/** The container that the driver makes of the same request, with what the extensions add to it. */
function rawContainer(installation: string): Docker.ContainerCreateOptions {
  const name = `raw-${newId()}`;
  return {
    name,
    Image: IMAGE,
    Cmd: COMMAND,
    Env: Array.from({ length: EXTENSIONS }, (_, i) => `BENCH_${i}=on`),
    Labels: { bench: installation, ...Object.fromEntries(Array.from({ length: EXTENSIONS }, (_, i) => [`bench-${i}`, name])) },
    HostConfig: {
      CapDrop: ['AUDIT_WRITE', 'MKNOD', 'NET_RAW', 'SETFCAP'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 4096,
      NetworkMode: 'bridge',
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    },
  };
}
