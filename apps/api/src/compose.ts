import { chmod, mkdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { detectDocker, dockerDriver } from '@tenon/drivers/docker';
import { processDriver } from '@tenon/drivers/process';
import { shippedExtensions } from '@tenon/extensions';
import { type ActivationRow, createEngine, type Driver, type Extension, inProcessTransport, newId, systemClock, type Transport } from '@tenon/lifecycle';
import { loadEncryptionKey, type OpenedStore, openStore } from '@tenon/store';
import { type Embedded, startEmbedded } from '@tenon/store/embedded';
import { httpTransport } from '@tenon/transports/http';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Settings } from './config/settings.ts';
import type { Deps } from './context.ts';
import { buildServer } from './http/server.ts';
import type { Readiness } from './rest/operations.ts';
import { Metrics } from './telemetry/metrics.ts';
import { openSpans, type Spans } from './telemetry/spans.ts';
import { askHealth } from './use-cases/ask-driver.ts';
import { ensureBootstrapToken } from './use-cases/ensure-bootstrap-token.ts';
import { builtWeb, openWeb } from './web/open-web.ts';
import type { Web } from './web/web.ts';
import { Worker } from './worker/worker.ts';

/** How long runs in flight have to finish when Tenon is told to stop. */
const DRAIN_MS = 10_000;

export interface Tenon {
  readonly app: FastifyInstance;
  /** The first token's text, where it was made at this start and has to be shown. */
  readonly bootstrapToken: string | null;
  /** Lets runs in flight finish or leaves them resumable, then ends everything that was started. */
  close(): Promise<void>;
}

/** Builds the whole product from its settings: the only place that knows concrete stores, drivers, transports and extensions. */
export async function compose(settings: Settings, log: Logger, version: string): Promise<Tenon> {
  const dashboard = openDashboard(settings, log);
  // Judged where it is awaited below; until then a failure must not end the process.
  dashboard.catch(() => undefined);
  const durable = await openDurable(settings, log);
  try {
    return await composeOn(durable, dashboard, settings, log, version);
  } catch (error) {
    await durable.opened.close();
    await durable.embedded?.stop();
    throw error;
  }
}

async function composeOn(durable: Durable, dashboard: Promise<Web | null>, settings: Settings, log: Logger, version: string): Promise<Tenon> {
  const { store, vault, pools, shared } = durable.opened;
  const installation = await store.installationId();
  const drivers = await loadDrivers(settings, installation, log);
  const extensions = inProcessExtensions(settings);
  const transports = transportsOf(settings, extensions);
  const metrics = new Metrics();
  const spans = settings.otlpEndpoint === null ? null : openSpans(settings.otlpEndpoint, version);
  const engine = createEngine({
    store,
    vault,
    pools,
    shared,
    clock: systemClock,
    drivers,
    transports,
    holder: `${hostname()}-${process.pid}-${newId().slice(-8)}`,
    installation,
    limits: settings.limits,
    ...(settings.secretPattern === null ? {} : { secretPattern: settings.secretPattern }),
    log,
    onSpan: (span) => {
      metrics.attempt(span.attempt);
      spans?.send(span);
    },
  });
  const deps: Deps = { engine, store, log, now: systemClock.now, version, newId };
  await auditMoves(deps, await engine.installInProcess(extensions));
  const bootstrapToken = await ensureBootstrapToken(deps, settings.bootstrapToken);
  metrics.watch(deps);
  const web = await dashboard;
  const app = await buildServer({ deps, logger: log, metrics, readiness: () => askReadiness(deps), publicUrl: settings.publicUrl, web });
  const worker = new Worker({ engine, store, clock: systemClock, log, metrics, retention: settings.retention });
  worker.start();
  return { app, bootstrapToken, close: () => closeAll({ ...durable, worker, drain: () => engine.drain(DRAIN_MS), app, web, transports, drivers, spans }) };
}

interface Durable {
  readonly embedded: Embedded | null;
  readonly opened: OpenedStore;
}

/** The database, its own or the operator's, and everything durable on it. */
async function openDurable(settings: Settings, log: Logger): Promise<Durable> {
  const line = (text: string) => log.info({ part: 'store' }, text);
  const embedded = settings.databaseUrl === null ? await startEmbedded({ dataDir: settings.dataDir, log: line }) : null;
  try {
    const given = settings.encryptionKey === null ? {} : { TENON_ENCRYPTION_KEY: settings.encryptionKey };
    const encryptionKey = await loadEncryptionKey(given, settings.dataDir);
    const opened = await openStore({ databaseUrl: settings.databaseUrl ?? embedded?.databaseUrl ?? '', encryptionKey, log: line });
    return { embedded, opened };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

async function openDashboard(settings: Settings, log: Logger): Promise<Web | null> {
  if (!settings.web) return null;
  const dir = builtWeb();
  if (dir !== null) return openWeb(dir, settings);
  log.warn('the dashboard is not built: this process serves the API alone. `npm start` builds it');
  return null;
}

/** The drivers that this machine has, or those that the operator names. A named one that does not answer is loaded all the same, and degraded. */
async function loadDrivers(settings: Settings, installation: string, log: Logger): Promise<readonly Driver[]> {
  const drivers: Driver[] = [];
  const named = settings.drivers;
  if (named?.includes('process') ?? isLoopback(settings.host)) {
    await letSandboxesPass(settings.dataDir);
    drivers.push(processDriver({ ...settings.process, dataDir: settings.dataDir, installation }));
  } else if (named === null) {
    log.info({ driver: 'process' }, 'not loaded: it isolates nothing and TENON_HOST is not loopback. Name it in TENON_DRIVERS to have it all the same');
  }
  if (named?.includes('docker') ?? true) {
    const host = settings.dockerHost === null ? {} : { host: settings.dockerHost };
    const found = await detectDocker(settings.dockerHost === null ? {} : { DOCKER_HOST: settings.dockerHost });
    if (found.found || named !== null) drivers.push(dockerDriver({ ...settings.docker, ...host, installation }));
    if (!found.found)
      log.info({ driver: 'docker', host: found.host, reason: found.reason }, named === null ? 'not loaded: no Engine answers' : 'no Engine answers yet');
  }
  return drivers;
}

/** Where Tenon is root, sandboxes of `process` run as another user: they may pass through the data directory, and list nothing of it. */
async function letSandboxesPass(dataDir: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  await chmod(dataDir, ((await stat(dataDir)).mode & 0o777) | 0o011);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

type InProcess = { readonly extension: Extension; readonly source: 'shipped' | 'configured' };

function inProcessExtensions(settings: Settings): readonly InProcess[] {
  return [
    ...shippedExtensions.map((extension): InProcess => ({ extension, source: 'shipped' })),
    // The configuration was judged for being what defineExtension answers; the registry judges the rest at installation.
    ...settings.extensions.map((extension): InProcess => ({ extension: extension as Extension, source: 'configured' })),
  ];
}

function transportsOf(settings: Settings, extensions: readonly InProcess[]): { readonly in_process: Transport; readonly http: Transport } {
  return {
    in_process: inProcessTransport(extensions.map(({ extension }) => extension)),
    http: httpTransport({ limits: settings.limits, ...(settings.allowedTargets === null ? {} : { allowedTargets: settings.allowedTargets }) }),
  };
}

/** An in-process extension has one revision, the code that is there: activations that moved to it are an audited change. */
async function auditMoves(deps: Deps, moved: readonly ActivationRow[]): Promise<void> {
  for (const row of moved) {
    await deps.store.addAudit({
      actor: 'tenon',
      action: 'activation.update',
      object: { kind: 'activation', name: row.id },
      outcome: 'done',
      reason: `the code of ${row.extension} is at revision ${row.revision} now`,
      before: null,
      after: { revision: row.revision, version: row.version },
      requestId: 'start',
      runIds: [],
      workspace: null,
    });
  }
}

async function askReadiness(deps: Deps): Promise<Readiness> {
  const drivers = await Promise.all(deps.engine.drivers().map(async (driver) => ({ name: driver.name, state: (await askHealth(driver, deps.now)).state })));
  try {
    await deps.store.ready();
    return { ready: true, store: 'ready', drivers };
  } catch (err) {
    deps.log.warn({ err }, 'the store does not answer');
    return { ready: false, store: 'unavailable', drivers };
  }
}

interface Closing extends Durable {
  readonly worker: Worker;
  readonly drain: () => Promise<void>;
  readonly app: FastifyInstance;
  readonly web: Web | null;
  readonly transports: { readonly in_process: Transport; readonly http: Transport };
  readonly drivers: readonly Driver[];
  readonly spans: Spans | null;
}

/** From the top down: work first, then doors, then what they stand on. Each step is tried whatever the one before it did. */
async function closeAll(parts: Closing): Promise<void> {
  const steps: readonly (() => Promise<unknown> | undefined)[] = [
    () => Promise.all([parts.worker.stop(), parts.drain()]),
    () => parts.app.close(),
    () => parts.web?.close(),
    () => Promise.all(Object.values(parts.transports).map((transport) => transport.close())),
    () => Promise.all(parts.drivers.map((driver) => driver.close())),
    () => parts.spans?.close(),
    () => parts.opened.close(),
    () => parts.embedded?.stop(),
  ];
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'something did not end cleanly');
}
