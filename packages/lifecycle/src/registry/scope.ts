import type { ActivationScope } from '../records.ts';

/** How specific a scope is: drivers and workspaces 3, workspaces 2, drivers 1, everywhere 0. The most specific one decides alone. */
export function specificity(scope: ActivationScope): 0 | 1 | 2 | 3 {
  if (scope.workspaces) return scope.drivers ? 3 : 2;
  return scope.drivers ? 1 : 0;
}

/** Whether a request for this driver (the name that it uses) in this workspace is in scope. */
export function scopeCovers(scope: ActivationScope, driver: string, workspace: string): boolean {
  return (scope.drivers?.includes(driver) ?? true) && (scope.workspaces?.includes(workspace) ?? true);
}

/** Whether some request is in both scopes. */
export function scopesOverlap(left: ActivationScope, right: ActivationScope): boolean {
  return meet(left.drivers, right.drivers) && meet(left.workspaces, right.workspaces);
}

/** A scope as a message names it. */
export function scopeText(scope: ActivationScope): string {
  const parts = [
    ...(scope.drivers ? [`${scope.drivers.length === 1 ? 'driver' : 'drivers'} ${scope.drivers.join(', ')}`] : []),
    ...(scope.workspaces ? [`${scope.workspaces.length === 1 ? 'workspace' : 'workspaces'} ${scope.workspaces.join(', ')}`] : []),
  ];
  return parts.length === 0 ? 'everywhere' : parts.join(' in ');
}

function meet(left: readonly string[] | null, right: readonly string[] | null): boolean {
  return left === null || right === null || left.some((name) => right.includes(name));
}
