import type { ExtensionListQuery, ExtensionView, ListOf, RevisionView } from '@tenon/contract';
import type { ExtensionRecord } from '@tenon/lifecycle';
import type { Call, Deps } from '../context.ts';
import { allow, notFound } from '../policy/act.ts';
import { presentExtension, presentRevision } from '../present/extension.ts';
import { byKey, pageInMemory } from './page-in-memory.ts';

const keyOf = (extension: ExtensionRecord) => [extension.name];

export async function listExtensions(deps: Deps, call: Call, query: ExtensionListQuery): Promise<ListOf<ExtensionView>> {
  await allow(deps, call, 'extension.read', { kind: 'extension', name: '*' });
  const all = (await deps.store.listExtensions()).filter((extension) => query.source === undefined || extension.source === query.source).sort(byKey(keyOf));
  const page = pageInMemory(all, keyOf, query);
  return { items: await Promise.all(page.items.map((extension) => viewExtension(deps, extension))), next: page.next };
}

export async function getExtension(deps: Deps, call: Call, name: string): Promise<ExtensionView> {
  await allow(deps, call, 'extension.read', { kind: 'extension', name });
  return viewExtension(deps, await loadExtension(deps, name));
}

/** Its revisions in the order in which they were registered. */
export async function listRevisions(deps: Deps, call: Call, name: string): Promise<ListOf<RevisionView>> {
  await allow(deps, call, 'extension.read', { kind: 'extension', name });
  return { items: (await loadExtension(deps, name)).revisions.map(presentRevision), next: null };
}

export async function loadExtension(deps: Deps, name: string): Promise<ExtensionRecord> {
  const extension = await deps.store.getExtension(name);
  if (extension === null) throw notFound('extension', name);
  return extension;
}

export async function viewExtension(deps: Deps, extension: ExtensionRecord): Promise<ExtensionView> {
  const uses = await deps.store.extensionUses(extension.name);
  return presentExtension(extension, { breaker: deps.engine.breaker(extension.name), activations: uses.activations, owed: uses.owed });
}
