import { messageOf } from '../errors.ts';
import type { DriverServices } from '../ports/driver.ts';
import type { EffectRecord } from '../records.ts';
import type { EngineDeps } from './deps.ts';

const LIST_MS = 10_000;
const PAGE = 200;

/** Something that an extension holds and the ledger does not know, or the reverse. */
export interface Leak {
  readonly extension: string;
  readonly kind: string;
  readonly key: string;
  readonly sandboxId: string | null;
  /** `unknown`: held outside, not in the ledger. `missing`: applied in the ledger, not held outside. */
  readonly what: 'unknown' | 'missing';
}

/**
 * Asks every extension that offers `list` what it holds and compares it with the ledger, both ways. Only what stands in both looks is a
 * finding: effects come and go while they are asked for. Each finding is recorded in the audit once while it lasts.
 */
export class LeakAudit {
  private readonly deps: EngineDeps;
  private readonly recorded = new Set<string>();

  constructor(deps: EngineDeps) {
    this.deps = deps;
  }

  async look(): Promise<readonly Leak[]> {
    const found: Leak[] = [];
    for (const extension of (await this.deps.directory.all()).values()) {
      if (extension.killSwitch.on) continue;
      try {
        found.push(...(await this.compare(extension.name, extension.latest)));
      } catch (error) {
        this.deps.log.warn({ extension: extension.name, err: messageOf(error) }, 'an extension could not list what it holds');
      }
    }
    for (const leak of found) await this.record(leak);
    const standing = new Set(found.map(nameOf));
    for (const name of this.recorded) if (!standing.has(name)) this.recorded.delete(name);
    return found;
  }

  private async compare(extension: string, latest: string): Promise<readonly Leak[]> {
    const before = await this.rows(extension);
    const resolved = await this.deps.directory.resolve(extension, latest);
    if (resolved.kind === 'gone') return [];
    // What it holds may stand at any backend: it gets every service that a driver here offers.
    const services: Partial<DriverServices> = Object.assign({}, ...this.deps.drivers.map((driver) => driver.services()));
    const answer = await resolved.client.list(AbortSignal.timeout(LIST_MS), services);
    if (answer === null) return [];
    const after = await this.rows(extension);
    const held = new Set(answer.effects.map((effect) => placeOf(effect.kind, effect.key, effect.sandboxId)));
    const known = new Set([...before, ...after].map((row) => placeOf(row.kind, row.key, row.sandboxId)));
    const knownAnywhere = new Set([...before, ...after].map((row) => placeOf(row.kind, row.key, null)));
    const unknown = answer.effects
      .filter((effect) => !(effect.sandboxId === null ? knownAnywhere : known).has(placeOf(effect.kind, effect.key, effect.sandboxId)))
      .map((effect): Leak => ({ extension, ...effect, what: 'unknown' }));
    const stillApplied = new Set(after.filter((row) => row.state === 'applied').map((row) => row.id));
    const missing = before
      .filter((row) => row.state === 'applied' && stillApplied.has(row.id) && !row.kind.startsWith('lease:') && row.kind !== '*')
      .filter((row) => !held.has(placeOf(row.kind, row.key, row.sandboxId)) && !held.has(placeOf(row.kind, row.key, null)))
      .map((row): Leak => ({ extension, kind: row.kind, key: row.key, sandboxId: row.sandboxId, what: 'missing' }));
    return [...unknown, ...missing];
  }

  private async rows(extension: string): Promise<readonly EffectRecord[]> {
    const rows: EffectRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.deps.store.listEffects(
        { visible: null, extension, state: ['intended', 'applied', 'owed'] },
        { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) },
      );
      rows.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return rows;
  }

  private async record(leak: Leak): Promise<void> {
    const name = nameOf(leak);
    if (this.recorded.has(name)) return;
    this.recorded.add(name);
    await this.deps.store.addAudit({
      actor: 'worker',
      action: leak.what === 'unknown' ? 'effect.unknown' : 'effect.missing',
      object: { kind: 'effect', name: `${leak.extension} ${leak.kind} ${leak.key}` },
      outcome: 'done',
      reason:
        leak.what === 'unknown'
          ? `${leak.extension} holds it and the ledger does not know it`
          : `the ledger has it applied and ${leak.extension} does not hold it`,
      before: null,
      after: { ...leak },
      requestId: 'worker',
      runIds: [],
      workspace: null,
    });
  }
}

/** Shared things stand in the ledger under `shared:<kind>`, and an extension lists them under their kind, without a sandbox. */
function placeOf(kind: string, key: string, sandboxId: string | null): string {
  const shared = kind.startsWith('shared:');
  return JSON.stringify([shared ? kind.slice('shared:'.length) : kind, key, shared ? null : sandboxId]);
}

function nameOf(leak: Leak): string {
  return JSON.stringify([leak.extension, leak.kind, leak.key, leak.sandboxId, leak.what]);
}
