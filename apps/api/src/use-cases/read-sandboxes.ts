import type { ActivationRecordView, ListOf, SandboxListQuery, SandboxView } from '@tenon/contract';
import type { Call, Deps } from '../context.ts';
import { defined } from '../defined.ts';
import { allow } from '../policy/act.ts';
import { presentRecord, presentSandbox } from '../present/sandbox.ts';
import { epoch, epochAfter } from '../present/time.ts';
import { loadSandbox, viewSandboxes } from './load-sandbox.ts';

const SANDBOXES = { kind: 'sandbox', name: '*' };

export async function listSandboxes(deps: Deps, call: Call, query: SandboxListQuery): Promise<ListOf<SandboxView>> {
  await allow(deps, call, 'sandbox.read', SANDBOXES);
  const { limit, cursor, from, to, ...filter } = query;
  const page = await deps.store.listSandboxes(
    defined({
      ...filter,
      visible: call.principal.workspaces,
      from: from === undefined ? undefined : epoch(from),
      to: to === undefined ? undefined : epochAfter(to),
    }),
    defined({ limit, cursor }),
  );
  return { items: await viewSandboxes(deps, page.items), next: page.next };
}

export async function getSandbox(deps: Deps, call: Call, id: string): Promise<SandboxView> {
  await allow(deps, call, 'sandbox.read', { kind: 'sandbox', name: id });
  // Asked at once: the most frequent read of all.
  const [sandbox, summaries] = await Promise.all([loadSandbox(deps, call, id), deps.store.sandboxSummaries([id])]);
  return presentSandbox(sandbox, summaries.get(id) ?? { lastRun: null, owed: 0 }, deps.now());
}

/** What was decided about its extensions, as frozen at create. */
export async function getActivationRecord(deps: Deps, call: Call, id: string): Promise<ActivationRecordView> {
  await allow(deps, call, 'sandbox.read', { kind: 'sandbox', name: id });
  return presentRecord((await loadSandbox(deps, call, id)).record);
}

/** The last lines of the workload's own log. */
export async function readLogs(deps: Deps, call: Call, id: string, tail: number): Promise<string> {
  await allow(deps, call, 'sandbox.read', { kind: 'sandbox', name: id });
  await loadSandbox(deps, call, id);
  return deps.engine.logs(id, { tail });
}
