import { posix } from 'node:path';
import type { EngineFacts } from './config.ts';
import type { DockerMount } from './planner.ts';

/** What the rules need to know of the operator's settings. */
export interface MountPolicy {
  readonly enableBindMounts: boolean;
  readonly workspaceRoot: string;
}

/** Roots that a gateway's supervisor owns: no mount may cover one, lie in one, or lie over one. */
export const RESERVED_ROOTS = [
  '/opt/openshell',
  '/etc/openshell',
  '/etc/openshell-tls',
  '/run/openshell',
  '/run/openshell-sidecar',
  '/run/netns',
  '/var/run/netns',
] as const;

/** Relabelling these for SELinux would lock the host out of its own files; of the first list also everything below. */
const SYSTEM_TREES = ['/etc', '/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/boot', '/dev', '/proc', '/sys', '/run'];
const SYSTEM_DIRECTORIES = ['/', '/home', '/root', '/var', '/var/lib', '/var/run', '/tmp', '/opt', '/srv', '/mnt', '/media'];

export interface MountIssue {
  readonly field: keyof DockerMount;
  readonly message: string;
  readonly hint: string;
}

/** The first rule that a mount breaks, or null. Whether a bind's source exists, and what a named volume is, only the Engine knows. */
export function mountIssue(mount: DockerMount, policy: MountPolicy, facts: EngineFacts | null): MountIssue | null {
  return targetIssue(mount, policy) ?? sourceIssue(mount, policy) ?? optionIssue(mount, facts);
}

function targetIssue({ target }: DockerMount, policy: MountPolicy): MountIssue | null {
  const wrong = (message: string, hint: string): MountIssue => ({ field: 'target', message: `target "${target}" ${message}`, hint });
  if (!isCleanPath(target)) return wrong('must be an absolute, normalised path without control characters or surrounding space', 'write it as /data/cache');
  if (covers(target, policy.workspaceRoot)) return wrong(`would cover the workspace ${policy.workspaceRoot}`, 'mount below it, or elsewhere');
  const root = RESERVED_ROOTS.find((reserved) => covers(target, reserved) || covers(reserved, target));
  if (root !== undefined) return wrong(`touches ${root}, which is reserved`, 'mount elsewhere');
  return null;
}

function sourceIssue(mount: DockerMount, policy: MountPolicy): MountIssue | null {
  const { type, source } = mount;
  const wrong = (message: string, hint: string): MountIssue => ({ field: 'source', message, hint });
  if (type === 'tmpfs') return source === null ? null : wrong('a tmpfs has no source', 'leave source out');
  if (type === 'volume') {
    if (source === null && mount.readOnly)
      return wrong('a volume without a name is new and empty: read-only it is of no use', 'name it as source, or set read_only to false');
    if (source === null || /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(source)) return null;
    return wrong(`source "${source}" is no name of a volume`, 'a name has letters, digits, _ . -; a host path needs type bind');
  }
  if (!policy.enableBindMounts) return wrong('bind mounts are off here', 'use a volume; the operator may set enableBindMounts');
  if (source === null || !isCleanPath(source))
    return wrong(`bind source "${source ?? ''}" must be an absolute, normalised path`, 'name a directory of the Docker host');
  return null;
}

function optionIssue(mount: DockerMount, facts: EngineFacts | null): MountIssue | null {
  const { type, source, target, selinux, subpath, sizeBytes } = mount;
  if (selinux !== null) {
    if (type !== 'bind') return { field: 'selinux', message: 'an SELinux label is for bind mounts only', hint: 'leave selinux_label out' };
    if (source !== null && isSystemDirectory(source)) {
      return { field: 'selinux', message: `relabelling "${source}" would change the host's own files`, hint: 'bind a directory made for sandboxes' };
    }
    if ((source ?? '').includes(':') || target.includes(':')) {
      return { field: 'selinux', message: 'a labelled bind cannot have a colon in its paths', hint: 'rename the directory, or leave selinux_label out' };
    }
  }
  if (subpath !== null) {
    if (type !== 'volume') return { field: 'subpath', message: 'a subpath is for volumes only', hint: 'leave subpath out' };
    if (subpath === '' || subpath.startsWith('/') || subpath.split('/').includes('..') || hasControl(subpath)) {
      return { field: 'subpath', message: `subpath "${subpath}" must be relative, without ..`, hint: 'name a directory inside the volume' };
    }
    if (facts !== null && !facts.volumeSubpath) {
      return { field: 'subpath', message: `Engine ${facts.version} mounts no subpath of a volume`, hint: 'leave subpath out, or use Engine 26 or later' };
    }
  }
  if (sizeBytes !== null && type !== 'tmpfs') return { field: 'sizeBytes', message: 'a size is for a tmpfs only', hint: 'leave size_bytes out' };
  return null;
}

/** Whether `outer` is `inner` or an ancestor of it. */
function covers(outer: string, inner: string): boolean {
  return outer === '/' || inner === outer || inner.startsWith(`${outer}/`);
}

function isCleanPath(path: string): boolean {
  return path.startsWith('/') && posix.normalize(path) === path && (path === '/' || !path.endsWith('/')) && path === path.trim() && !hasControl(path);
}

function hasControl(text: string): boolean {
  return [...text].some((char) => char < ' ' || char === '\x7f');
}

function isSystemDirectory(path: string): boolean {
  return SYSTEM_DIRECTORIES.includes(path) || SYSTEM_TREES.some((tree) => covers(tree, path));
}
