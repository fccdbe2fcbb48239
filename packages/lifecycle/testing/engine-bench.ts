import type { Limits, TransportKind } from '@tenon/vocabulary';
import type { ActivationInput, Caller, Engine, IncomingRequest } from '../src/engine.ts';
import type { Extension } from '../src/extension.ts';
import { inProcessTransport } from '../src/in-process.ts';
import { type Clock, systemClock } from '../src/ports/clock.ts';
import type { Driver } from '../src/ports/driver.ts';
import type { Transport } from '../src/ports/transport.ts';
import type { AttemptRecord, EffectRecord, RunRecord, SandboxRecord } from '../src/records.ts';
import type { AttemptSpan } from '../src/run/deps.ts';
import { createEngine } from '../src/run/engine.ts';
import { type FakeDriver, fakeDriver } from './fake-driver.ts';
import { MemoryPools } from './memory-pools.ts';
import { MemoryShared } from './memory-shared.ts';
import { MemoryStore } from './memory-store.ts';
import { MemoryVault } from './memory-vault.ts';

/** Limits small enough that a test of a retry, a deadline or a debt ends in milliseconds. */
export const QUICK_LIMITS: Partial<Limits> = {
  retryBaseMs: 1,
  retryMaxMs: 2,
  abortGraceMs: 50,
  debtRetryBaseMs: 1,
  debtRetryMaxMs: 5,
  fenceExtraMs: 20,
  leaseMs: 300,
  leaseRenewMs: 50,
  releaseDeadlineMs: 200,
};

export interface EngineBench {
  readonly engine: Engine;
  readonly store: MemoryStore;
  readonly pools: MemoryPools;
  readonly shared: MemoryShared;
  readonly vault: MemoryVault;
  readonly driver: FakeDriver;
  readonly spans: readonly AttemptSpan[];
  readonly logLines: readonly string[];
  /** Activates an extension everywhere, or as `change` says. */
  activate(name: string, change?: Partial<ActivationInput>): Promise<string>;
  /** Creates and waits for the end of the run. */
  create(change?: RequestChange): Promise<{ sandbox: SandboxRecord; run: RunRecord }>;
  /** Waits for the run's end and gives both as they are then. */
  end(of: { sandbox: SandboxRecord; run: RunRecord }): Promise<{ sandbox: SandboxRecord; run: RunRecord }>;
  attempts(runId: string): Promise<readonly AttemptRecord[]>;
  effects(sandboxId: string): Promise<readonly EffectRecord[]>;
  /** Another engine on the same store and backend, as after a restart or in a second replica. */
  another(options?: Partial<EngineBenchOptions>): EngineBench;
}

export interface EngineBenchOptions {
  readonly extensions: readonly Extension[];
  readonly driver: FakeDriver;
  readonly drivers: readonly Driver[];
  readonly transports: Partial<Record<TransportKind, Transport>>;
  readonly limits: Partial<Limits>;
  readonly clock: Clock;
}

export type RequestChange = Partial<Omit<IncomingRequest, 'template'>> & { readonly template?: Partial<IncomingRequest['template']> };

export const OPERATOR: Caller = {
  actor: { kind: 'token', name: 'olga', role: 'admin' },
  requestId: 'req-1',
  role: 'admin',
  claims: { tenant: 'acme', user: 'olga' },
  claimsSource: 'token',
  assertClaims: false,
};

let names = 0;

export function anIncomingRequest(change: RequestChange = {}): IncomingRequest {
  const { template, ...rest } = change;
  names += 1;
  return {
    name: `demo-${names}`,
    workspace: 'default',
    driver: 'docker',
    template: { image: 'busybox:1', labels: {}, environment: {}, resources: {}, driverConfig: {}, platformConfig: {}, ...template },
    command: ['sleep', '3600'],
    environment: {},
    gpu: null,
    tty: false,
    claims: null,
    extensionConfig: {},
    ...rest,
  };
}

let holders = 0;

/** The whole engine on memory: for tests of the engine, and for whoever tests against it. Everything can be given. */
export async function openEngine(options: Partial<EngineBenchOptions> = {}): Promise<EngineBench> {
  const clock = options.clock ?? systemClock;
  const store = new MemoryStore({ clock });
  const bench = build(options, { store, pools: new MemoryPools(), shared: new MemoryShared({ clock }), vault: new MemoryVault() }, clock);
  await bench.engine.installInProcess((options.extensions ?? []).map((extension) => ({ extension, source: 'configured' })));
  return bench;
}

function build(options: Partial<EngineBenchOptions>, kept: Pick<EngineBench, 'store' | 'pools' | 'shared' | 'vault'>, clock: Clock): EngineBench {
  const driver = options.driver ?? fakeDriver();
  const spans: AttemptSpan[] = [];
  const logLines: string[] = [];
  const line = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    logLines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  holders += 1;
  const engine = createEngine({
    ...kept,
    clock,
    drivers: options.drivers ?? [driver],
    transports: { in_process: inProcessTransport(options.extensions ?? []), ...options.transports },
    holder: `test-${holders}`,
    installation: 'test',
    limits: { ...QUICK_LIMITS, ...options.limits },
    log: { info: line('info'), warn: line('warn'), error: line('error') },
    onSpan: (span) => spans.push(span),
  });
  const bench: EngineBench = {
    ...kept,
    engine,
    driver,
    spans,
    logLines,
    async activate(name, change = {}) {
      const row = await engine.createActivation(
        {
          extension: name,
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
          reason: 'a test needs it',
          ...change,
        },
        OPERATOR,
      );
      return row.id;
    },
    async create(change = {}) {
      return bench.end(await engine.createSandbox(anIncomingRequest(change), OPERATOR));
    },
    async end({ sandbox, run }) {
      const ended = await engine.waitForRun(run.id, 20_000);
      return { sandbox: (await kept.store.getSandbox(sandbox.id)) ?? sandbox, run: ended };
    },
    async attempts(runId) {
      return (await kept.store.listAttempts(runId, { limit: 200 })).items;
    },
    effects: (sandboxId) => kept.store.effectsOfSandbox(sandboxId),
    another: (other = {}) => build({ ...options, ...other }, kept, clock),
  };
  return bench;
}
