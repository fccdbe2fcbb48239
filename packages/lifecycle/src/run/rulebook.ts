import type { BreakerState } from '@tenon/vocabulary';
import type { ActivationCandidate, ActivationInput, ActivationPreview, Caller, NewTransport } from '../engine.ts';
import { TenonError } from '../errors.ts';
import type { Extension, Manifest } from '../extension.ts';
import { newId } from '../ids.ts';
import type { ActivationRow, ExtensionRecord, RevisionRecord, TransportRecord } from '../records.ts';
import { checkActivation } from '../registry/activation-rules.ts';
import { checkDescribed, checkRegistration, checkUnregister } from '../registry/registry.ts';
import type { Debts } from './debts.ts';
import { type Decider, factsOf } from './decide.ts';
import type { EngineDeps } from './deps.ts';
import { previewChange } from './preview.ts';

const DESCRIBE_MS = 10_000;

/** Registrations, activations and the kill switch: every change is checked under the registry's lock and seen by this replica at once. */
export class Rulebook {
  private readonly deps: EngineDeps;
  private readonly decider: Decider;
  private readonly debts: Debts;
  private readonly kill: (extension: string) => void;

  constructor(deps: EngineDeps, decider: Decider, debts: Debts, kill: (extension: string) => void) {
    this.deps = deps;
    this.decider = decider;
    this.debts = debts;
    this.kill = kill;
  }

  // ---- extensions

  async register(manifest: Manifest, transport: NewTransport): Promise<ExtensionRecord> {
    const others = [...(await this.fresh()).values()];
    checkRegistration(manifest, { others, schemas: this.schemas(), known: null });
    const revision = await this.described(manifest, transport);
    const extension: ExtensionRecord = {
      name: manifest.name,
      source: 'registered',
      latest: manifest.revision,
      killSwitch: { on: false, reason: null, actor: null, at: null },
      revisions: [revision],
      createdAt: revision.createdAt,
    };
    await this.keepingSecret(revision, () =>
      this.deps.store.addExtension(extension, (now) => checkRegistration(manifest, { others: now, schemas: this.schemas(), known: null })),
    );
    await this.changed('extension', manifest.name);
    await this.debts.hasten(manifest.name, 'revision_unavailable');
    return this.extension(manifest.name);
  }

  async addRevision(name: string, manifest: Manifest, transport: NewTransport): Promise<ExtensionRecord> {
    const others = await this.fresh();
    const known = others.get(name);
    if (known === undefined) throw new TenonError('not_found', `there is no extension ${name}`, { extension: name });
    if (known.source !== 'registered')
      throw new TenonError('validation_failed', `${name} is ${known.source}: its one revision is the code that is there`, {
        extension: name,
        hint: 'Change its code or the configuration file and start Tenon again.',
      });
    checkRegistration(manifest, { others: [...others.values()], schemas: this.schemas(), known });
    const revision = await this.described(manifest, transport);
    await this.keepingSecret(revision, () =>
      this.deps.store.addRevision(revision, (extension, now) => checkRegistration(manifest, { others: now, schemas: this.schemas(), known: extension })),
    );
    await this.changed('extension', name);
    await this.debts.hasten(name, 'revision_unavailable');
    return this.extension(name);
  }

  async unregister(name: string, options: { readonly force: boolean; readonly reason: string | null }): Promise<void> {
    const extension = await this.extension(name);
    if (extension.source !== 'registered')
      throw new TenonError('validation_failed', `${name} is ${extension.source} and cannot be unregistered`, {
        extension: name,
        hint: 'Disable its activations, or turn its kill switch on.',
      });
    await this.deps.store.removeExtension(name, (uses) => checkUnregister(uses, options, name));
    for (const revision of extension.revisions)
      if (revision.transport.secretId !== null) await this.deps.vault.drop({ kind: 'revision', id: ownerOf(revision) });
    await this.changed('extension', name);
  }

  async installInProcess(
    extensions: readonly { readonly extension: Extension; readonly source: 'shipped' | 'configured' }[],
  ): Promise<readonly ActivationRow[]> {
    const moved: ActivationRow[] = [];
    for (const { extension, source } of extensions) {
      const { manifest } = extension;
      const others = [...(await this.fresh()).values()];
      const known = others.find((each) => each.name === manifest.name) ?? null;
      checkRegistration(manifest, { others, schemas: this.schemas(), known, replaces: true });
      const createdAt = this.deps.clock.now();
      const revision: RevisionRecord = {
        extension: manifest.name,
        revision: manifest.revision,
        manifest,
        transport: { kind: 'in_process', url: null, secretId: null, signedAnswers: false },
        createdAt,
      };
      moved.push(
        ...(await this.deps.store.replaceInProcess({
          name: manifest.name,
          source,
          latest: manifest.revision,
          killSwitch: known?.killSwitch ?? { on: false, reason: null, actor: null, at: null },
          revisions: [revision],
          createdAt: known?.createdAt ?? createdAt,
        })),
      );
      this.deps.directory.forget();
      await this.debts.hasten(manifest.name, 'revision_unavailable');
    }
    return moved;
  }

  async setKillSwitch(name: string, on: boolean, reason: string, caller: Caller): Promise<ExtensionRecord> {
    if (reason.trim() === '') throw new TenonError('validation_failed', 'the kill switch needs a reason', { pointer: '/reason', extension: name });
    const extension = await this.deps.store.setKillSwitch(name, { on, reason, actor: caller.actor.name, at: this.deps.clock.now() });
    this.deps.directory.forget();
    if (on) this.kill(name);
    else await this.debts.hasten(name, 'killed');
    await this.deps.store.addEvent({ type: 'extension', sandboxId: null, runId: null, workspace: null, data: { name, killSwitch: on } });
    return extension;
  }

  breaker(name: string): BreakerState {
    return this.deps.breakers.worst(name);
  }

  // ---- activations

  async createActivation(input: ActivationInput, caller: Caller): Promise<ActivationRow> {
    const context = await this.context(input.extension);
    const { revision } = checkActivation(input, { ...context, others: await this.deps.store.listActivations(), selfId: null });
    const now = this.deps.clock.now();
    const row = rowOf(newId(now), input, revision, caller, { version: 1, createdAt: now, updatedAt: now });
    const saved = await this.deps.store.addActivation(row, (others) => checkActivation(input, { ...context, others, selfId: null }));
    await this.changed('activation', saved.id);
    return saved;
  }

  async updateActivation(id: string, change: Partial<ActivationInput>, expectedVersion: number, caller: Caller): Promise<ActivationRow> {
    const current = await this.activation(id);
    const input = merged(current, change);
    const context = await this.context(input.extension);
    const { revision } = checkActivation(input, { ...context, others: await this.deps.store.listActivations(), selfId: id });
    const row = rowOf(id, input, revision, caller, { version: expectedVersion + 1, createdAt: current.createdAt, updatedAt: this.deps.clock.now() });
    const saved = await this.deps.store.updateActivation(row, expectedVersion, (others) => checkActivation(input, { ...context, others, selfId: id }));
    await this.changed('activation', id);
    return saved;
  }

  async deleteActivation(id: string, expectedVersion: number, reason: string, _caller: Caller): Promise<ActivationRow> {
    if (reason.trim() === '')
      throw new TenonError('validation_failed', 'deleting an activation needs a reason', { pointer: '/reason', hint: 'Say why, as ?reason=.' });
    const removed = await this.deps.store.removeActivation(id, expectedVersion);
    await this.changed('activation', id);
    return removed;
  }

  async preview(candidate: ActivationCandidate, caller: Caller): Promise<ActivationPreview> {
    const today = await this.deps.store.listActivations();
    if (candidate.kind === 'delete') {
      const subject = await this.activation(candidate.id);
      return previewChange(this.deps, this.decider, caller, { subject, today, candidate: today.filter((row) => row.id !== subject.id) });
    }
    const current = candidate.kind === 'change' ? await this.activation(candidate.id) : null;
    const input = candidate.kind === 'new' ? candidate.input : merged(await this.activation(candidate.id), candidate.change);
    const { revision } = checkActivation(input, { ...(await this.context(input.extension)), others: today, selfId: current?.id ?? null });
    const now = this.deps.clock.now();
    const subject = rowOf(current?.id ?? newId(now), input, revision, caller, { version: 1, createdAt: current?.createdAt ?? now, updatedAt: now });
    return previewChange(this.deps, this.decider, caller, { subject, today, candidate: [...today.filter((row) => row.id !== subject.id), subject] });
  }

  // ---- parts

  private async fresh(): Promise<ReadonlyMap<string, ExtensionRecord>> {
    this.deps.directory.forget();
    return this.deps.directory.all();
  }

  private async extension(name: string): Promise<ExtensionRecord> {
    const extension = await this.deps.store.getExtension(name);
    if (extension === null) throw new TenonError('not_found', `there is no extension ${name}`, { extension: name });
    return extension;
  }

  private async activation(id: string): Promise<ActivationRow> {
    const row = await this.deps.store.getActivation(id);
    if (row === null) throw new TenonError('not_found', `there is no activation ${id}`);
    return row;
  }

  private async context(extension: string) {
    return { extension: await this.deps.store.getExtension(extension), drivers: await Promise.all(this.deps.drivers.map(factsOf)) };
  }

  private schemas() {
    return this.deps.drivers.map((driver) => driver.schema);
  }

  /** The revision as it will be stored, once its endpoint has described itself as it is registered. */
  private async described(manifest: Manifest, transport: NewTransport): Promise<RevisionRecord> {
    const record: TransportRecord = {
      kind: transport.kind,
      url: transport.url,
      secretId: transport.secret === null ? null : newId(),
      signedAnswers: transport.signedAnswers,
    };
    const revision: RevisionRecord = { extension: manifest.name, revision: manifest.revision, manifest, transport: record, createdAt: this.deps.clock.now() };
    const client = this.deps.transports[transport.kind]?.open(revision, transport.secret) ?? null;
    if (client === null)
      throw new TenonError('validation_failed', `transport ${transport.kind} is not spoken here`, {
        pointer: '/transport/kind',
        hint: `Use one of ${Object.keys(this.deps.transports)
          .filter((kind) => kind !== 'in_process')
          .join(', ')}.`,
      });
    checkDescribed(manifest, await client.describe(AbortSignal.timeout(DESCRIBE_MS)));
    if (record.secretId !== null && transport.secret !== null)
      await this.deps.vault.put({ kind: 'revision', id: ownerOf(revision) }, new Map([[record.secretId, transport.secret]]));
    return revision;
  }

  private async keepingSecret(revision: RevisionRecord, save: () => Promise<unknown>): Promise<void> {
    try {
      await save();
    } catch (error) {
      if (revision.transport.secretId !== null) await this.deps.vault.drop({ kind: 'revision', id: ownerOf(revision) });
      throw error;
    }
  }

  private async changed(type: 'extension' | 'activation', name: string): Promise<void> {
    this.deps.directory.forget();
    await this.deps.store.addEvent({ type, sandboxId: null, runId: null, workspace: null, data: type === 'extension' ? { name } : { id: name } });
  }
}

/** A secret's owner in the vault; the secret's id keeps two registrations of one revision apart. */
function ownerOf(revision: RevisionRecord): string {
  return `${revision.extension}@${revision.revision}#${revision.transport.secretId}`;
}

function merged(current: ActivationRow, change: Partial<ActivationInput>): ActivationInput {
  const { extension, revision, scope, mode, percentage, order, config, requestSettable, overrides, grant, failurePolicy } = current;
  return { extension, revision, scope, mode, percentage, order, config, requestSettable, overrides, grant, failurePolicy, reason: '', ...change };
}

function rowOf(
  id: string,
  input: ActivationInput,
  revision: string,
  caller: Caller,
  times: Pick<ActivationRow, 'version' | 'createdAt' | 'updatedAt'>,
): ActivationRow {
  return { ...input, id, revision, actor: caller.actor.name, ...times };
}
