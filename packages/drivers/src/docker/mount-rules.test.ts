import { describe, expect, it } from 'vitest';
import type { EngineFacts } from './config.ts';
import { mountIssue, RESERVED_ROOTS } from './mount-rules.ts';
import type { DockerMount } from './planner.ts';

const old: EngineFacts = { version: '20.10.24', apiVersion: '1.41', cdi: false, volumeSubpath: false, init: true };
const volume: DockerMount = { target: '/data', type: 'volume', source: 'v', readOnly: true, selinux: null, subpath: null, sizeBytes: null };
const bind: DockerMount = { ...volume, type: 'bind', source: '/srv/share' };
const judge = (mount: DockerMount, enableBindMounts = true, facts: EngineFacts | null = null) =>
  mountIssue(mount, { enableBindMounts, workspaceRoot: '/sandbox' }, facts)?.field ?? null;

describe('mount rules', () => {
  it.each(['/data', '/data/cache', '/sandbox/sub', '/opt/tool', '/run/user', '/etc/openshell2'])('takes the target %s', (target) =>
    expect(judge({ ...volume, target })).toBeNull(),
  );

  it.each(['', 'data', '/', '/data/', '/a//b', '/a/../b', '/a/.', ' /a', '/a ', '/a\n', '/a\x7f', '/sandbox'])('refuses the target "%s"', (target) =>
    expect(judge({ ...volume, target })).toBe('target'),
  );

  it.each(RESERVED_ROOTS.flatMap((root) => [root, `${root}/x`, root.slice(0, root.lastIndexOf('/'))]))(
    'keeps off the reserved roots in either direction: %s',
    (target) => expect(judge({ ...volume, target })).toBe('target'),
  );

  it('binds only where the operator lets it, from an absolute source', () => {
    expect(judge(bind)).toBeNull();
    expect(judge(bind, false)).toBe('source');
    for (const source of [null, '', 'relative', '/a/../b', '/a/']) expect(judge({ ...bind, source })).toBe('source');
  });

  it('names volumes as Docker does, and gives a tmpfs no source', () => {
    expect(judge({ ...volume, source: null, readOnly: false })).toBeNull();
    expect(judge({ ...volume, source: null })).toBe('source');
    expect(judge({ ...volume, source: '/host/path' })).toBe('source');
    expect(judge({ ...volume, type: 'tmpfs', source: null, sizeBytes: 1024 })).toBeNull();
    expect(judge({ ...volume, type: 'tmpfs', source: 'v' })).toBe('source');
    expect(judge({ ...volume, sizeBytes: 1024 })).toBe('sizeBytes');
  });

  it('labels binds only, never system directories', () => {
    expect(judge({ ...bind, selinux: 'shared' })).toBeNull();
    expect(judge({ ...volume, selinux: 'private' })).toBe('selinux');
    for (const source of ['/', '/etc', '/etc/app', '/usr/share/x', '/home', '/var', '/run/x'])
      expect(judge({ ...bind, source, selinux: 'private' })).toBe('selinux');
    expect(judge({ ...bind, source: '/srv/a:b', selinux: 'shared' })).toBe('selinux');
  });

  it('takes a relative subpath of a volume, where the Engine does', () => {
    expect(judge({ ...volume, subpath: 'a/b' })).toBeNull();
    expect(judge({ ...volume, subpath: 'a/b' }, true, old)).toBe('subpath');
    expect(judge({ ...bind, subpath: 'a' })).toBe('subpath');
    for (const subpath of ['', '/a', '../a', 'a/../../b']) expect(judge({ ...volume, subpath })).toBe('subpath');
  });
});
