import type { AuditListQuery, AuditView, ListOf } from '@tenon/contract';
import type { Call, Deps } from '../context.ts';
import { defined } from '../defined.ts';
import { allow } from '../policy/act.ts';
import { presentAudit } from '../present/access.ts';
import { epoch, epochAfter } from '../present/time.ts';

/** Every change and every refusal, newest first. */
export async function listAudit(deps: Deps, call: Call, query: AuditListQuery): Promise<ListOf<AuditView>> {
  await allow(deps, call, 'audit.read', { kind: 'audit', name: '*' });
  const { limit, cursor, from, to, ...filter } = query;
  const page = await deps.store.listAudit(
    defined({
      ...filter,
      visible: call.principal.workspaces,
      from: from === undefined ? undefined : epoch(from),
      to: to === undefined ? undefined : epochAfter(to),
    }),
    defined({ limit, cursor }),
  );
  return { items: page.items.map(presentAudit), next: page.next };
}
