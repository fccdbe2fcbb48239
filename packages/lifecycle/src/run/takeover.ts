import { messageOf } from '../errors.ts';
import { type RunLease, RunLost } from '../ports/store.ts';
import type { RunRecord } from '../records.ts';
import type { EngineDeps } from './deps.ts';
import { isEnded, type Runner } from './runner.ts';
import type { Worker } from './worker.ts';

const POLL_MS = 500;

/** Brings a superseding run to its beginning: it waits, under its lease, until the run that it takes over has unwound and ended. */
export class Takeover {
  private readonly deps: EngineDeps;
  private readonly runner: Runner;
  private readonly worker: Worker;

  constructor(deps: EngineDeps, runner: Runner, worker: Worker) {
    this.deps = deps;
    this.runner = runner;
    this.worker = worker;
  }

  async follow(run: RunRecord, lease: RunLease, oldRunId: string): Promise<void> {
    const { deps } = this;
    this.runner.cancel(oldRunId, 'superseded');
    let renewed = deps.clock.monotonic();
    for (;;) {
      const old = await deps.store.getRun(oldRunId);
      if (old === null || isEnded(old.status)) break;
      // Where its holder is gone, its lease expires and whoever waits brings it to its end.
      if (!this.runner.isLive(oldRunId)) await this.takeOver(old);
      if (this.runner.stopped) return deps.store.dropLease(lease);
      await this.runner.settled(oldRunId, POLL_MS);
      if (deps.clock.monotonic() - renewed >= deps.limits.leaseRenewMs) {
        try {
          await deps.store.renewLease(lease, deps.limits.leaseMs);
        } catch (error) {
          if (error instanceof RunLost) return;
          deps.log.warn({ runId: run.id, err: messageOf(error) }, 'the lease of a waiting run was not renewed');
        }
        renewed = deps.clock.monotonic();
      }
    }
    await this.runner.execute((await deps.store.getRun(run.id)) ?? run, lease);
  }

  private async takeOver(old: RunRecord): Promise<void> {
    const lease = await this.deps.store.takeLease(old.id, this.deps.holder, this.deps.limits.leaseMs);
    if (lease === null) return;
    await this.worker.carryOn(old.id, lease);
  }
}
