import type { EffectScope, Phase } from '@tenon/vocabulary';
import type { EffectsApi, LeasesApi, SharedApi } from '../context.ts';
import { messageOf, TenonError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { ExtensionClient } from '../ports/transport.ts';
import type { ActiveExtension, EffectRecord } from '../records.ts';
import type { Session } from './session.ts';
import { joinShared } from './shared-things.ts';

/** Thrown by a door in shadow: the hook ends here, because what would come next needs something that was not made. */
export class ShadowStop extends Error {
  constructor(what: string) {
    super(`stopped at its first effect in shadow: ${what} was not made`);
    this.name = 'ShadowStop';
  }
}

/**
 * The ledger's doors for one attempt of an in-process hook. Each effect's intent is committed before its `apply`;
 * after the attempt has settled every door throws.
 */
export class AttemptDoors {
  readonly effects: EffectsApi;
  readonly shared: SharedApi;
  readonly leases: LeasesApi;
  /** Effect ids made or joined by this attempt. */
  readonly made: string[] = [];
  readonly wouldBe: string[] = [];
  private settled = false;
  private readonly session: Session;
  private readonly active: ActiveExtension;
  private readonly phase: Phase;
  private readonly client: ExtensionClient;
  private readonly revision: string;
  private readonly attemptId: string;
  private readonly key: string;
  private readonly defaultScope: EffectScope;
  private readonly allowed: boolean;
  private readonly signal: () => AbortSignal;

  constructor(options: {
    session: Session;
    active: ActiveExtension;
    phase: Phase;
    client: ExtensionClient;
    revision: string;
    attemptId: string;
    idempotencyKey: string;
    scope: EffectScope;
    allowed: boolean;
    signal: () => AbortSignal;
  }) {
    this.session = options.session;
    this.active = options.active;
    this.phase = options.phase;
    this.client = options.client;
    this.revision = options.revision;
    this.attemptId = options.attemptId;
    this.key = options.idempotencyKey;
    this.defaultScope = options.scope;
    this.allowed = options.allowed;
    this.signal = options.signal;
    this.effects = { ensure: (kind, key, input, opts) => this.ensure(kind, key, input, opts?.scope) as Promise<never> };
    this.shared = { ensure: (kind, key, input, opts) => this.ensureShared(kind, key, input, opts?.scope) as Promise<never> };
    this.leases = { acquire: (pool, key, candidates, opts) => this.acquire(pool, key, candidates, opts?.scope) };
  }

  settle(): void {
    this.settled = true;
  }

  private check(what: string): void {
    const place = { extension: this.active.name, phase: this.phase };
    if (this.settled) throw new TenonError('hook_failed', `${what} came after the attempt had ended: nothing was made`, place);
    if (!this.allowed)
      throw new TenonError('hook_failed', `${this.phase} allows no effects, so ${what} is refused`, {
        ...place,
        hint: 'Allocate in before_create, after_create, before_start, after_ready or reconcile.',
      });
  }

  private async ensure(kind: string, key: string, input: Json, scope: EffectScope | undefined): Promise<Json> {
    const what = `effects.ensure(${kind}, ${key})`;
    this.check(what);
    const functions = this.client.effects;
    if (functions === null || !functions.has(kind))
      throw new TenonError('hook_failed', `${this.active.name} declares no effect kind ${kind}`, {
        extension: this.active.name,
        phase: this.phase,
        hint: 'Add it to `effects` in defineExtension.',
      });
    if (this.active.mode === 'shadow') return this.shadow(`${kind} ${key}`);
    const row = await this.intend(kind, key, input, scope);
    if (row.state === 'applied') return row.handle;
    const call = { key, input, idempotencyKey: row.idempotencyKey, signal: this.signal() };
    return this.applying(row, () => functions.apply(kind, call, this.session.driver.services()));
  }

  private async ensureShared(kind: string, key: string, input: Json, scope: EffectScope | undefined): Promise<Json> {
    const what = `shared.ensure(${kind}, ${key})`;
    this.check(what);
    const functions = this.client.shared;
    if (functions === null || !functions.has(kind))
      throw new TenonError('hook_failed', `${this.active.name} declares no shared kind ${kind}`, {
        extension: this.active.name,
        phase: this.phase,
        hint: 'Add it to `shared` in defineExtension.',
      });
    if (this.active.mode === 'shadow') return this.shadow(`shared:${kind} ${key}`);
    const row = await this.intend(`shared:${kind}`, key, input, scope);
    // A holder that has joined may ask again: the thing's row is what counts, and joining twice is one holder.
    return this.applying(row, () =>
      joinShared(this.session.deps, { extension: this.active.name, kind, key }, input, row.id, functions, this.session.driver.services(), this.signal()),
    );
  }

  private async acquire(pool: string, key: string, candidates: Iterable<string>, scope: EffectScope | undefined): Promise<string> {
    this.check(`leases.acquire(${pool}, ${key})`);
    if (this.active.mode === 'shadow') {
      this.wouldBe.push(`lease:${pool} ${key}`);
      for (const first of candidates) return first;
      throw new ShadowStop(`a lease from ${pool}`);
    }
    const row = await this.intend(`lease:${pool}`, key, null, scope);
    if (row.state === 'applied' && typeof row.handle === 'string') return row.handle;
    const holder = { sandboxId: this.session.ref.id, extension: this.active.name, key };
    const item = await this.applying(row, async () => {
      const taken = await this.session.deps.pools.take(pool, holder, candidates);
      if (taken === null)
        throw new TenonError('resource_exhausted', `pool ${pool} has nothing left for ${this.session.ref.name}`, {
          extension: this.active.name,
          phase: this.phase,
          hint: 'Widen the pool, or delete sandboxes that hold its items.',
        });
      return taken;
    });
    return String(item);
  }

  private shadow(what: string): never {
    this.wouldBe.push(what);
    throw new ShadowStop(what);
  }

  private async intend(kind: string, key: string, input: Json | null, scope: EffectScope | undefined): Promise<EffectRecord> {
    const { ledger, journal } = this.session;
    const held = ledger.held(this.active.name, kind, key);
    if (held !== undefined && held.state !== 'owed') {
      this.made.push(held.id);
      return held;
    }
    // What was owed under this identity stands again: the old row is closed and its successor carries the new key.
    if (held !== undefined) ledger.change(held.id, { state: 'released', releasedAt: this.session.deps.clock.now(), nextRetryAt: null });
    const row = ledger.intend({
      extension: this.active.name,
      revision: this.revision,
      phase: this.phase,
      attemptId: this.attemptId,
      kind,
      key,
      input,
      scope: scope ?? this.defaultScope,
      idempotencyKey: this.key,
    });
    this.made.push(row.id);
    await journal.commit();
    this.check(`${kind} ${key}`);
    return row;
  }

  private async applying(row: EffectRecord, apply: () => Promise<Json>): Promise<Json> {
    let done: () => void = () => undefined;
    const { session } = this;
    session.stillApplying.set(
      row.id,
      new Promise<void>((resolve) => {
        done = resolve;
      }),
    );
    try {
      const handle = await apply();
      if (this.settled)
        throw new TenonError('hook_failed', `${row.kind} ${row.key} was made after its attempt had ended: it is given back`, {
          extension: this.active.name,
          phase: this.phase,
        });
      session.ledger.change(row.id, { state: 'applied', handle });
      return handle;
    } catch (error) {
      // Whether something stands is not known: the row stays intended, and its release will ask with handle null.
      if (!this.settled)
        session.ledger.change(row.id, { lastError: { code: error instanceof TenonError ? error.code : 'hook_failed', message: messageOf(error) } });
      throw error;
    } finally {
      session.stillApplying.delete(row.id);
      done();
    }
  }
}
