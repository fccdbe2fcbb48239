'use client';
import type { SessionView } from '@tenon/contract';
import type { Role } from '@tenon/vocabulary';
import { createContext, useContext } from 'react';

export const SessionContext = createContext<SessionView | null>(null);

/** Who is signed in. Only pages behind the gate ask. */
export function useSession(): SessionView {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('useSession is asked outside the session gate');
  return session;
}

const rank: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** Stands for what concerns the whole installation: a role that is limited to workspaces does not reach it. */
export const INSTALLATION = '*';

/**
 * Why this role may not do what another is needed for; null where it may. The API decides again.
 * @param workspace the workspace that is touched, or INSTALLATION.
 */
export function missingFor(session: Pick<SessionView, 'role' | 'workspaces'>, needed: Role, workspace?: string): string | null {
  const wrongPlace = workspace !== undefined && session.workspaces !== null && !session.workspaces.includes(workspace);
  if (rank[session.role] >= rank[needed] && !wrongPlace) return null;
  const where = workspace === undefined ? '' : workspace === INSTALLATION ? ' without a limit to workspaces' : ` in workspace ${workspace}`;
  const places = session.workspaces === null ? '' : ` in ${session.workspaces.join(', ')}`;
  return `This needs the role ${needed}${where}. You are ${session.role}${places}.`;
}

/** What denies an action to whoever is signed in: `const denied = useDenied()`, then `denied('operator', 'team-a')`. */
export function useDenied(): (needed: Role, workspace?: string) => string | null {
  const session = useSession();
  return (needed, workspace) => missingFor(session, needed, workspace);
}
