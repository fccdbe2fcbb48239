import { TenonError, type Visible } from '@tenon/lifecycle';
import { ROLES, type Role } from '@tenon/vocabulary';
import type { Principal } from '../context.ts';

/**
 * Who may do what: the one table. `where` says what a token that is limited to workspaces may touch: objects of its workspaces, or nothing
 * because the object belongs to the whole installation. Reads go anywhere, because what is read is narrowed to what the caller sees.
 */
const RULES = {
  'sandbox.read': { role: 'viewer', where: 'anywhere' },
  'sandbox.create': { role: 'operator', where: 'workspace' },
  'sandbox.dry_run': { role: 'operator', where: 'workspace' },
  'sandbox.start': { role: 'operator', where: 'workspace' },
  'sandbox.stop': { role: 'operator', where: 'workspace' },
  'sandbox.delete': { role: 'operator', where: 'workspace' },
  'run.read': { role: 'viewer', where: 'anywhere' },
  'run.resume': { role: 'operator', where: 'workspace' },
  'effect.read': { role: 'viewer', where: 'anywhere' },
  'effect.retry': { role: 'operator', where: 'workspace' },
  'effect.waive': { role: 'operator', where: 'workspace' },
  'activation.read': { role: 'viewer', where: 'anywhere' },
  'activation.preview': { role: 'operator', where: 'workspaces' },
  'activation.create': { role: 'operator', where: 'workspaces' },
  'activation.update': { role: 'operator', where: 'workspaces' },
  'activation.delete': { role: 'operator', where: 'workspaces' },
  'extension.read': { role: 'viewer', where: 'anywhere' },
  'extension.kill_switch': { role: 'operator', where: 'installation' },
  'extension.register': { role: 'admin', where: 'installation' },
  'extension.add_revision': { role: 'admin', where: 'installation' },
  'extension.remove': { role: 'admin', where: 'installation' },
  'driver.read': { role: 'viewer', where: 'anywhere' },
  'driver.register': { role: 'admin', where: 'installation' },
  'driver.remove': { role: 'admin', where: 'installation' },
  'audit.read': { role: 'viewer', where: 'anywhere' },
  'event.read': { role: 'viewer', where: 'anywhere' },
  'token.read': { role: 'admin', where: 'installation' },
  'token.create': { role: 'admin', where: 'workspaces' },
  'token.revoke': { role: 'admin', where: 'workspaces' },
} as const satisfies Record<string, { readonly role: Role; readonly where: 'workspace' | 'workspaces' | 'installation' | 'anywhere' }>;

export type Action = keyof typeof RULES;

/** What an action touches: one workspace, several, all of them (null), or nothing that belongs to one. */
export interface Target {
  readonly workspace?: string;
  readonly workspaces?: Visible;
}

/** `forbidden` with the role that is missing, or the workspace that the token does not reach. */
export function authorise(principal: Principal, action: Action, target: Target = {}): void {
  const rule = RULES[action];
  if (ROLES.indexOf(principal.role) < ROLES.indexOf(rule.role)) {
    throw new TenonError('forbidden', `${action} takes the role ${rule.role}; ${principal.name} has the role ${principal.role}`, {
      hint: `Use a token of the role ${rule.role}, or ask an admin for one.`,
      missingRole: rule.role,
    });
  }
  if (principal.workspaces === null || rule.where === 'anywhere') return;
  const allowed = principal.workspaces.join(', ');
  if (rule.where === 'installation') {
    throw new TenonError('forbidden', `${action} concerns the whole installation; ${principal.name} is limited to the workspaces ${allowed}`, {
      hint: `Use a token of the role ${rule.role} without a limit to workspaces.`,
      missingRole: rule.role,
    });
  }
  const touched = target.workspace === undefined ? target.workspaces : [target.workspace];
  const outside = touched?.filter((name) => !principal.workspaces?.includes(name));
  if (touched === undefined || touched === null || outside === undefined || outside.length > 0) {
    const what = touched ? `the workspace ${outside?.join(', ')}` : 'every workspace';
    throw new TenonError('forbidden', `${action} here concerns ${what}; ${principal.name} is limited to the workspaces ${allowed}`, {
      hint: `Narrow it to the workspaces ${allowed}, or use a token that reaches more.`,
      missingRole: rule.role,
    });
  }
}

/** Whether the caller may know of an object that concerns these workspaces; null: it concerns everybody. */
export function seesAny(principal: Principal, workspaces: Visible): boolean {
  return principal.workspaces === null || workspaces === null || workspaces.some((name) => sees(principal, name));
}

/** Whether the caller may know of objects in this workspace at all. */
export function sees(principal: Principal, workspace: string): boolean {
  return principal.workspaces === null || principal.workspaces.includes(workspace);
}
