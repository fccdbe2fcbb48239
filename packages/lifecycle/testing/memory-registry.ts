import { TenonError } from '../src/errors.ts';
import { newestRevision } from '../src/ports/newest-revision.ts';
import type { RegistryStore } from '../src/ports/store.ts';
import type { ActivationRow, ExtensionRecord, KillSwitch, RevisionRecord } from '../src/records.ts';
import { MemoryAccess } from './memory-access.ts';
import { copy } from './memory-tables.ts';

/** Registrations and activations of the memory store. */
export class MemoryRegistry extends MemoryAccess implements RegistryStore {
  async listExtensions(): Promise<readonly ExtensionRecord[]> {
    return copy([...this.extensions.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
  }

  async getExtension(name: string): Promise<ExtensionRecord | null> {
    return copy(this.extensions.get(name) ?? null);
  }

  async addExtension(extension: ExtensionRecord, check: (others: readonly ExtensionRecord[]) => void): Promise<void> {
    if (this.extensions.has(extension.name)) throw nameTaken(extension.name);
    check(copy([...this.extensions.values()]));
    this.extensions.set(extension.name, copy(extension));
  }

  async addRevision(revision: RevisionRecord, check: (extension: ExtensionRecord, others: readonly ExtensionRecord[]) => void): Promise<ExtensionRecord> {
    const extension = this.registered(revision.extension);
    check(copy(extension), copy([...this.extensions.values()].filter((other) => other.name !== extension.name)));
    if (extension.revisions.some((known) => known.revision === revision.revision)) throw revisionTaken(revision);
    const next = copy({ ...extension, latest: newestRevision(extension.latest, revision.revision), revisions: [...extension.revisions, revision] });
    this.extensions.set(extension.name, next);
    return copy(next);
  }

  async replaceInProcess(extension: ExtensionRecord): Promise<readonly ActivationRow[]> {
    const known = this.extensions.get(extension.name);
    if (known?.source === 'registered') throw nameTaken(extension.name);
    this.extensions.set(extension.name, copy(known === undefined ? extension : { ...extension, killSwitch: known.killSwitch, createdAt: known.createdAt }));
    const moved: ActivationRow[] = [];
    for (const row of this.activations.values()) {
      if (row.extension !== extension.name || row.revision === extension.latest) continue;
      const next = { ...row, revision: extension.latest, version: row.version + 1, updatedAt: this.clock.now() };
      this.activations.set(row.id, next);
      moved.push(copy(next));
    }
    return moved.sort(effectiveOrder);
  }

  async removeExtension(name: string, check: (uses: { activations: number; owed: number; sandboxes: number }) => void): Promise<void> {
    this.registered(name);
    check(this.usesOf(name));
    this.extensions.delete(name);
    for (const row of [...this.activations.values()]) if (row.extension === name) this.activations.delete(row.id);
  }

  async setKillSwitch(name: string, killSwitch: KillSwitch): Promise<ExtensionRecord> {
    const next = { ...this.registered(name), killSwitch: copy(killSwitch) };
    this.extensions.set(name, next);
    return copy(next);
  }

  async extensionUses(name: string): Promise<{ activations: number; owed: number; sandboxes: number }> {
    return this.usesOf(name);
  }

  async listActivations(): Promise<readonly ActivationRow[]> {
    return copy([...this.activations.values()].sort(effectiveOrder));
  }

  async getActivation(id: string): Promise<ActivationRow | null> {
    return copy(this.activations.get(id) ?? null);
  }

  async addActivation(activation: ActivationRow, check: (others: readonly ActivationRow[]) => void): Promise<ActivationRow> {
    this.registered(activation.extension);
    if (this.activations.has(activation.id)) throw new TenonError('internal', `An activation with the id ${activation.id} exists already.`);
    check(this.othersThan(activation.id));
    const now = this.clock.now();
    const row = copy({ ...activation, version: 1, createdAt: now, updatedAt: now });
    this.activations.set(row.id, row);
    return copy(row);
  }

  async updateActivation(next: ActivationRow, expectedVersion: number, check: (others: readonly ActivationRow[]) => void): Promise<ActivationRow> {
    const saved = this.savedActivation(next.id, expectedVersion);
    check(this.othersThan(next.id));
    const row = copy({ ...next, version: saved.version + 1, createdAt: saved.createdAt, updatedAt: this.clock.now() });
    this.activations.set(row.id, row);
    return copy(row);
  }

  async removeActivation(id: string, expectedVersion: number | null): Promise<ActivationRow> {
    const saved = this.savedActivation(id, expectedVersion);
    this.activations.delete(id);
    return copy(saved);
  }

  private registered(name: string): ExtensionRecord {
    const extension = this.extensions.get(name);
    if (extension === undefined) throw new TenonError('not_found', `No extension "${name}" is registered.`, { extension: name });
    return extension;
  }

  private savedActivation(id: string, expectedVersion: number | null): ActivationRow {
    const saved = this.activations.get(id);
    if (saved === undefined) throw new TenonError('not_found', `There is no activation ${id}.`);
    if (expectedVersion !== null && saved.version !== expectedVersion) throw lostRace(saved, expectedVersion);
    return saved;
  }

  private othersThan(id: string): ActivationRow[] {
    return copy([...this.activations.values()].filter((row) => row.id !== id).sort(effectiveOrder));
  }

  private usesOf(name: string): { activations: number; owed: number; sandboxes: number } {
    const owed = [...this.effects.values()].filter(({ record }) => record.extension === name && record.state === 'owed').length;
    const activations = [...this.activations.values()].filter((row) => row.extension === name).length;
    const sandboxes = [...this.sandboxes.values()].filter(
      (row) => row.state !== 'deleted' && !row.hidden && row.record.extensions.some((active) => active.name === name),
    ).length;
    return { activations, owed, sandboxes };
  }
}

function effectiveOrder(a: ActivationRow, b: ActivationRow): number {
  if (a.order !== b.order) return a.order - b.order;
  if (a.extension !== b.extension) return a.extension < b.extension ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

function nameTaken(name: string): TenonError {
  return new TenonError('extension_exists', `An extension named "${name}" is registered already.`, {
    extension: name,
    hint: 'Choose another name, or add a revision to the one that is there.',
  });
}

function revisionTaken(revision: RevisionRecord): TenonError {
  return new TenonError('extension_exists', `Revision ${revision.revision} of "${revision.extension}" exists already; a revision never changes.`, {
    extension: revision.extension,
    hint: 'Raise the revision in the manifest.',
  });
}

function lostRace(saved: ActivationRow, expectedVersion: number): TenonError {
  return new TenonError('precondition_failed', `The activation ${saved.id} is at version ${saved.version}, not ${expectedVersion}.`, {
    extension: saved.extension,
    hint: 'Read it again, look at what changed, and repeat your change with its ETag.',
    current: copy(saved),
  });
}
