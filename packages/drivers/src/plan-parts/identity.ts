import type { MutationPoint, SandboxRequest } from '@tenon/lifecycle';
import { INSTALLATION_LABEL, RESERVED_ENV_PREFIXES, RESERVED_LABEL_PREFIXES, RESERVED_LABELS, SANDBOX_ID_LABEL } from '@tenon/vocabulary';

/** One segment of a JSON Pointer. */
export function escapeSegment(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** Patterns of the labels and the environment that no extension may touch, for plans with both as maps at the top. */
export const RESERVED_IDENTITY: readonly string[] = [
  '/name',
  ...RESERVED_LABEL_PREFIXES.map((prefix) => `/labels/${escapeSegment(prefix)}*`),
  ...RESERVED_LABELS.map((label) => `/labels/${escapeSegment(label)}`),
  ...RESERVED_ENV_PREFIXES.map((prefix) => `/env/${escapeSegment(prefix)}*`),
];

/** The deterministic name of a sandbox at a backend: the same for every retry and after every restart. */
export function backendName(request: Pick<SandboxRequest, 'name' | 'workspace'>, sandboxId: string): string {
  return `openshell-${request.workspace}--${request.name}-${sandboxId}`;
}

/** Labels by which this installation finds its own, and by which an operator reads whose a workload is. They win over the request's. */
export function identityLabels(
  request: Pick<SandboxRequest, 'name' | 'workspace'>,
  sandboxId: string,
  owner: { readonly installation: string; readonly namespace: string },
): Record<string, string> {
  return {
    'openshell.ai/managed-by': 'openshell',
    'openshell.ai/sandbox-id': sandboxId,
    'openshell.ai/sandbox-name': request.name,
    'openshell.ai/sandbox-namespace': owner.namespace,
    'openshell.ai/sandbox-workspace': request.workspace,
    [SANDBOX_ID_LABEL]: sandboxId,
    [INSTALLATION_LABEL]: owner.installation,
  };
}

/** Environment that the driver owns: a workload can tell who it is. Precedence: template, then spec, then this. */
export function ownedEnvironment(request: Pick<SandboxRequest, 'name' | 'workspace'>, sandboxId: string): Record<string, string> {
  return { TENON_SANDBOX_ID: sandboxId, TENON_SANDBOX_NAME: request.name, TENON_WORKSPACE: request.workspace };
}

/** A mutation point of a part that has no keys of its own. */
export function point(name: string, path: string, merge: 'singleton' | 'map', openIn: MutationPoint['openIn']): MutationPoint {
  return { name, path, merge, key: null, ordered: false, openIn };
}

/** A mutation point of a list whose elements are told apart by `key`. */
export function listPoint(name: string, path: string, key: readonly string[], openIn: MutationPoint['openIn']): MutationPoint {
  return { name, path, merge: 'keyed_list', key, ordered: false, openIn };
}
