import type { TransportKind } from '@tenon/vocabulary';
import semver from 'semver';
import { TenonError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { RegistryStore } from '../ports/store.ts';
import type { ExtensionClient, Transport } from '../ports/transport.ts';
import type { Vault } from '../ports/vault.ts';
import type { ActivationRow, ExtensionRecord, RevisionRecord } from '../records.ts';

/** How old the picture of the registry may be in a replica that did not make the change itself. */
const FRESH_MS = 1_000;

export type Resolved =
  | {
      readonly kind: 'client';
      readonly client: ExtensionClient /** The revision that answers; another than the frozen one where that code is gone. */;
      readonly revision: string;
      readonly transport: TransportKind;
      readonly hookDeadlines: number;
    }
  | { readonly kind: 'gone'; readonly detail: string };

/** An in-process revision with its client, as it was found last. */
interface Ready {
  readonly extension: ExtensionRecord;
  readonly revision: RevisionRecord;
  readonly resolved: Extract<Resolved, { kind: 'client' }>;
}

/** The registry as it was read at one moment. */
interface Picture {
  /** Monotonic ms. */
  readonly at: number;
  readonly byName: Promise<ReadonlyMap<string, ExtensionRecord>>;
  /** What `byName` came to, once it has. */
  loaded: ReadonlyMap<string, ExtensionRecord> | null;
  readonly ready: Map<string, Ready>;
}

/**
 * Extensions and their callable revisions, in memory: a run asks here before every hook, and must not read the database each time.
 * Changes made through this replica are seen at once (`forget`), others within a second.
 */
export class ExtensionDirectory {
  private readonly store: Pick<RegistryStore, 'listExtensions' | 'listActivations'>;
  private readonly vault: Vault;
  private readonly transports: Readonly<Partial<Record<TransportKind, Transport>>>;
  private readonly clock: Clock;
  private extensions: Picture | null = null;
  private rules: { at: number; rows: Promise<readonly ActivationRow[]> } | null = null;
  private readonly clients = new Map<string, ExtensionClient>();

  constructor(
    store: Pick<RegistryStore, 'listExtensions' | 'listActivations'>,
    vault: Vault,
    transports: Readonly<Partial<Record<TransportKind, Transport>>>,
    clock: Clock,
  ) {
    this.store = store;
    this.vault = vault;
    this.transports = transports;
    this.clock = clock;
  }

  forget(): void {
    this.extensions = null;
    this.rules = null;
  }

  all(): Promise<ReadonlyMap<string, ExtensionRecord>> {
    const now = this.clock.monotonic();
    if (this.extensions === null || now - this.extensions.at > FRESH_MS) {
      const byName = this.store.listExtensions().then((list) => new Map(list.map((extension) => [extension.name, extension])));
      const picture: Picture = { at: now, byName, loaded: null, ready: new Map() };
      this.extensions = picture;
      byName.then(
        (loaded) => {
          picture.loaded = loaded;
        },
        // A failed read is not remembered: the next caller asks again.
        () => {
          this.extensions = null;
        },
      );
    }
    return this.extensions.byName;
  }

  /**
   * The extension, and its frozen revision where it is in process, as the fresh picture has them, or null: then `all` and `resolve` must be
   * awaited. A run asks before each hook, and mostly needs not wait. `now`: monotonic ms.
   */
  atHand(name: string, frozen: string, now: number): Ready | null {
    const picture = this.extensions;
    if (picture === null || picture.loaded === null || now - picture.at > FRESH_MS) return null;
    const transport = this.transports.in_process;
    if (transport === undefined) return null;
    const known = picture.ready.get(name);
    // In-process code may be replaced while the product runs, so its transport is asked each time.
    if (known !== undefined && known.revision.revision === frozen && transport.open(known.revision, null) === known.resolved.client) return known;
    const extension = picture.loaded.get(name);
    const revision = extension?.revisions.find((each) => each.revision === frozen);
    if (extension === undefined || revision === undefined || revision.transport.kind !== 'in_process') return null;
    const client = transport.open(revision, null);
    if (client === null) return null;
    const ready = { extension, revision, resolved: resolved(revision, client) };
    picture.ready.set(name, ready);
    return ready;
  }

  activations(): Promise<readonly ActivationRow[]> {
    const now = this.clock.monotonic();
    if (this.rules === null || now - this.rules.at > FRESH_MS) {
      const rows = this.store.listActivations();
      this.rules = { at: now, rows };
      rows.catch(() => {
        this.rules = null;
      });
    }
    return this.rules.rows;
  }

  /** Whether this very revision's code can be called here. */
  async available(name: string, revision: string): Promise<boolean> {
    const record = (await this.all()).get(name)?.revisions.find((each) => each.revision === revision);
    if (record === undefined) return false;
    try {
      return (await this.open(record)) !== null;
    } catch (error) {
      if (error instanceof TenonError && error.code !== 'store_unavailable') return false;
      throw error;
    }
  }

  /** The frozen revision, or, where its code is gone, the newest one whose `cleansUp` covers it. */
  async resolve(name: string, frozen: string): Promise<Resolved> {
    const extension = (await this.all()).get(name);
    if (extension === undefined)
      return {
        kind: 'gone',
        detail: `extension ${name} is not registered any more: register it again with revision ${frozen}, or one whose cleansUp covers it`,
      };
    try {
      return await this.openNewestFor(extension, frozen);
    } catch (error) {
      // A transport that refuses its target (an allow-list that was narrowed) is as good as code that is gone.
      if (error instanceof TenonError && error.code !== 'store_unavailable')
        return { kind: 'gone', detail: `${name} ${frozen} cannot be called: ${error.message}` };
      throw error;
    }
  }

  private async openNewestFor(extension: ExtensionRecord, frozen: string): Promise<Resolved> {
    const name = extension.name;
    const exact = extension.revisions.find((each) => each.revision === frozen);
    const exactClient = exact === undefined ? null : await this.open(exact);
    if (exact !== undefined && exactClient !== null) return resolved(exact, exactClient);
    const heirs = extension.revisions
      .filter((each) => each.manifest.cleansUp !== null && semver.satisfies(frozen, each.manifest.cleansUp, { includePrerelease: true }))
      .sort((a, b) => semver.rcompare(a.revision, b.revision));
    for (const heir of heirs) {
      const client = await this.open(heir);
      if (client !== null) return resolved(heir, client);
    }
    return { kind: 'gone', detail: `the code of ${name} ${frozen} is not here, and no newer revision declares that it cleans up after it (cleansUp)` };
  }

  private async open(revision: RevisionRecord): Promise<ExtensionClient | null> {
    const transport = this.transports[revision.transport.kind];
    if (transport === undefined) return null;
    // In-process code may be replaced while the product runs, so its transport is asked each time; it is a map look-up there.
    if (revision.transport.kind === 'in_process') return transport.open(revision, null);
    const key = `${revision.extension} ${revision.revision} ${revision.createdAt}`;
    const known = this.clients.get(key);
    if (known !== undefined) return known;
    const secret = revision.transport.secretId === null ? null : await this.vault.open(revision.transport.secretId);
    const client = transport.open(revision, secret);
    if (client !== null) this.clients.set(key, client);
    return client;
  }
}

function resolved(revision: RevisionRecord, client: ExtensionClient): Extract<Resolved, { kind: 'client' }> {
  const hookDeadlines = Math.max(0, ...revision.manifest.hooks.map((hook) => hook.deadlineMs));
  return { kind: 'client', client, revision: revision.revision, transport: revision.transport.kind, hookDeadlines };
}
