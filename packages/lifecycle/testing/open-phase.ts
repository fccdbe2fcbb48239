import { LIMITS, type Phase } from '@tenon/vocabulary';
import type { Extension } from '../src/extension.ts';
import { newId } from '../src/ids.ts';
import { inProcessTransport } from '../src/in-process.ts';
import type { Json } from '../src/json.ts';
import type { PlanRevision } from '../src/plan/plan.ts';
import { systemClock } from '../src/ports/clock.ts';
import type { ActivationRecord, AttemptRecord } from '../src/records.ts';
import { Breakers } from '../src/run/breaker.ts';
import type { EngineDeps } from '../src/run/deps.ts';
import { ExtensionDirectory } from '../src/run/directory.ts';
import { NullJournal } from '../src/run/journal.ts';
import { newRun } from '../src/run/open-run.ts';
import { runPhase } from '../src/run/phases.ts';
import { Session } from '../src/run/session.ts';
import { OPERATOR } from './engine-bench.ts';
import { fakeDriver } from './fake-driver.ts';
import { aRequest } from './fake-plan.ts';
import { MemoryPools } from './memory-pools.ts';
import { MemoryShared } from './memory-shared.ts';
import { MemoryStore } from './memory-store.ts';
import { MemoryVault } from './memory-vault.ts';

/** What a dispatch came to. Read by few, and no part of the dispatch: so it is put together when asked for. */
export class DispatchedPhase {
  private readonly journal: NullJournal;
  private readonly session: Session;

  constructor(journal: NullJournal, session: Session) {
    this.journal = journal;
    this.session = session;
  }

  get attempts(): readonly AttemptRecord[] {
    return this.journal.entries.flatMap((entry) => (entry.type === 'attempt' ? [entry.attempt] : []));
  }
  get revisions(): readonly PlanRevision[] {
    return this.session.revisions;
  }
  get plan(): Json {
    return this.session.plan;
  }
}

/**
 * One phase of a create, without the rest of it: each call of the answer opens a run's session on `plan`, dispatches the hooks of the
 * extensions that were given, in their order, as the engine does (deadline, breaker, kill switch, doors, trace record), and answers what was
 * noted in the journal. For measuring and testing dispatch by itself.
 */
export async function openPhase(options: {
  readonly extensions: readonly Extension[];
  readonly phase: Phase;
  readonly plan?: Json;
}): Promise<() => Promise<DispatchedPhase>> {
  const clock = systemClock;
  const store = new MemoryStore({ clock });
  const vault = new MemoryVault();
  const driver = fakeDriver();
  const transports = { in_process: inProcessTransport(options.extensions) };
  const deps: EngineDeps = {
    store,
    vault,
    pools: new MemoryPools(),
    shared: new MemoryShared({ clock }),
    clock,
    drivers: [driver],
    transports,
    holder: 'one-phase',
    installation: 'test',
    limits: LIMITS,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    secretPattern: /^$/,
    passThroughExtensionKeys: [],
    onSpan: () => undefined,
    breakers: new Breakers(clock, LIMITS),
    directory: new ExtensionDirectory(store, vault, transports, clock),
  };
  for (const { manifest } of options.extensions) {
    const createdAt = clock.now();
    const transport = { kind: 'in_process', url: null, secretId: null, signedAnswers: false } as const;
    await store.addExtension(
      {
        name: manifest.name,
        source: 'configured',
        latest: manifest.revision,
        killSwitch: { on: false, reason: null, actor: null, at: null },
        revisions: [{ extension: manifest.name, revision: manifest.revision, manifest, transport, createdAt }],
        createdAt,
      },
      () => undefined,
    );
  }
  const request = aRequest();
  const record: ActivationRecord = {
    decidedAt: clock.now(),
    claims: { tenant: 'acme', user: 'olga' },
    claimsSource: 'token',
    passedOver: [],
    extensions: options.extensions.map(({ manifest }) => ({
      name: manifest.name,
      revision: manifest.revision,
      transport: 'in_process',
      activationId: null,
      order: 1000,
      config: {},
      requestConfig: {},
      configDigest: '',
      hooks: manifest.hooks,
      failurePolicy: {},
      overrides: [],
      mode: 'enforce',
      percentage: 100,
      required: true,
      why: 'given to openPhase',
      grantedBy: null,
      dryRunSafe: manifest.dryRunSafe,
      shadowSafe: manifest.shadowSafe,
    })),
  };
  const capabilities = await driver.capabilities();
  const sandboxId = newId();
  const plan = options.plan ?? driver.plan(request, sandboxId);
  return async () => {
    const journal = new NullJournal();
    const run = newRun({ operation: 'create', sandbox: null, request, caller: OPERATOR, now: clock.now(), record });
    const session = new Session({
      deps,
      journal,
      lease: null,
      driver,
      capabilities,
      request,
      record,
      run,
      sandbox: null,
      sandboxId,
      effects: [],
      revisions: [],
      dry: false,
      countsForBreakers: true,
    });
    session.plan = plan;
    try {
      await runPhase(session, options.phase);
    } finally {
      session.close();
    }
    return new DispatchedPhase(journal, session);
  };
}
