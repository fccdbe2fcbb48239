import { PHASE_NAMES } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { aManifest, anActivation, anExtension, caught, someDriver } from '../../testing/registry-builders.ts';
import type { ActivationInput } from '../engine.ts';
import type { ManifestInput } from '../extension.ts';
import { type ActivationContext, checkActivation } from './activation-rules.ts';

const input = (change: Partial<ActivationInput> = {}): ActivationInput => ({
  extension: 'base-labels',
  revision: null,
  scope: { drivers: null, workspaces: null },
  mode: 'enforce',
  percentage: 100,
  order: 1000,
  config: {},
  requestSettable: [],
  overrides: [],
  grant: null,
  failurePolicy: {},
  reason: 'wanted',
  ...change,
});
const docker = someDriver();
const podman = someDriver({ name: 'podman', chain: ['podman'], kinds: ['podman'], schema: { ...docker.schema, kind: 'podman' } });
const bare = someDriver({ name: 'bare', capabilities: { ...docker.capabilities, phases: PHASE_NAMES.filter((phase) => phase !== 'prepare_plan') } });

const check = (change: Partial<ActivationInput> = {}, manifest: Partial<ManifestInput> = {}, context: Partial<ActivationContext> = {}) =>
  checkActivation(input(change), { extension: anExtension(aManifest(manifest)), others: [], selfId: null, drivers: [docker, podman], ...context });
const refusalOf = (...args: Parameters<typeof check>) => {
  const error = caught(() => check(...args));
  expect(error.context.hint).toBeTruthy();
  return [error.code, error.context.pointer];
};
const onRequest: Partial<ManifestInput> = { activation: { mode: 'on_request', key: 'net' } };
const SCHEMA = { type: 'object', properties: { subnet: { type: 'string' } }, required: ['subnet'], additionalProperties: false };

describe('saving an activation', () => {
  it('pins the latest revision, or the one that is named', () => {
    const extension = anExtension([aManifest(), aManifest({ revision: '1.2.0' })]);
    expect(check({}, {}, { extension })).toMatchObject({ revision: '1.2.0', manifest: { revision: '1.2.0' } });
    expect(check({ revision: '1.0.0' }, {}, { extension }).revision).toBe('1.0.0');
  });

  it('refuses an extension or a revision that there is not', () => {
    expect(refusalOf({}, {}, { extension: null })).toEqual(['not_found', '/extension']);
    expect(refusalOf({ revision: '3.0.0' })).toEqual(['validation_failed', '/revision']);
  });

  it('needs a reason and a whole order', () => {
    expect(refusalOf({ reason: '  ' })).toEqual(['validation_failed', '/reason']);
    expect(refusalOf({ order: 1.5 })).toEqual(['validation_failed', '/order']);
  });

  it.each([-1, 101, 0.5, Number.NaN])('refuses %d %%', (percentage) => expect(refusalOf({ percentage })).toEqual(['validation_failed', '/percentage']));

  it('has a percentage for global extensions only', () => {
    expect(() => check({ percentage: 30 })).not.toThrow();
    expect(refusalOf({ percentage: 30 }, onRequest)).toEqual(['validation_failed', '/percentage']);
  });

  it('has a grant for on-request extensions only, with lists that say something', () => {
    const grant = { workspaces: ['team-a'], roles: ['operator' as const] };
    expect(() => check({ grant }, onRequest)).not.toThrow();
    expect(refusalOf({ grant })).toEqual(['validation_failed', '/grant']);
    expect(refusalOf({ grant: { workspaces: [], roles: null } }, onRequest)).toEqual(['validation_failed', '/grant/workspaces']);
    expect(refusalOf({ grant: { workspaces: null, roles: ['root' as 'admin'] } }, onRequest)).toEqual(['validation_failed', '/grant/roles/0']);
  });
});

describe('the scope', () => {
  it('takes the names of drivers that are there', () => {
    expect(() => check({ scope: { drivers: ['docker'], workspaces: ['team-a'] } })).not.toThrow();
    expect(refusalOf({ scope: { drivers: ['docker', 'dokcer'], workspaces: null } })).toEqual(['driver_unknown', '/scope/drivers/1']);
  });

  it('refuses empty lists, empty names and names twice', () => {
    expect(refusalOf({ scope: { drivers: [], workspaces: null } })).toEqual(['validation_failed', '/scope/drivers']);
    expect(refusalOf({ scope: { drivers: null, workspaces: ['a', ' '] } })).toEqual(['validation_failed', '/scope/workspaces/1']);
    expect(refusalOf({ scope: { drivers: null, workspaces: ['a', 'a'] } })).toEqual(['validation_failed', '/scope/workspaces/1']);
  });
});

describe('overlap', () => {
  const scope = (drivers: readonly string[] | null, workspaces: readonly string[] | null) => ({ scope: { drivers, workspaces } });
  const withOther = (mine: ReturnType<typeof scope>, other: Parameters<typeof anActivation>[0]) => () =>
    check(mine, {}, { others: [anActivation({ id: 'act-9', ...other })] });

  it('of equally specific scopes is refused, naming the other and its scope', () => {
    const error = caught(withOther(scope(['docker'], ['a', 'b']), scope(['docker', 'podman'], ['b'])));
    expect([error.code, error.context.conflictsWith]).toEqual(['activation_overlap', 'act-9']);
    expect(error.message).toContain('act-9');
    expect(error.message).toContain('drivers docker, podman in workspace b');
  });

  it.each([
    [scope(null, null), scope(null, null)],
    [scope(['docker'], null), scope(['docker'], null)],
    [scope(null, ['a']), scope(null, ['a', 'b'])],
  ])('%j meets %j', (mine, other) => expect(withOther(mine, other)).toThrow());

  it.each([
    [scope(null, null), scope(['docker'], null)],
    [scope(['docker'], null), scope(null, ['a'])],
    [scope(['docker'], null), scope(['podman'], null)],
    [scope(['docker'], ['a']), scope(['docker'], ['b'])],
    [scope(['docker'], ['a']), scope(null, ['a'])],
  ])('%j and %j can stand together', (mine, other) => expect(withOther(mine, other)).not.toThrow());

  it('counts disabled ones too, and neither itself nor other extensions', () => {
    const error = caught(withOther(scope(null, null), { mode: 'disabled' }));
    expect(error.message).toContain('disabled');
    expect(withOther(scope(null, null), { extension: 'other' })).not.toThrow();
    expect(() => check({}, {}, { others: [anActivation({ id: 'act-9' })], selfId: 'act-9' })).not.toThrow();
  });
});

describe('failure policy', () => {
  const hooks = [{ phase: 'prepare_plan' }, { phase: 'before_start', required: false }, { phase: 'after_ready' }, { phase: 'after_delete' }];
  it('may tighten, and loosen where the phase or an optional hook allows it', () => {
    expect(() => check({ failurePolicy: { prepare_plan: 'fail', before_start: 'warn', after_ready: 'fail', after_delete: 'fail' } }, { hooks })).not.toThrow();
    expect(() => check({ failurePolicy: { after_ready: 'warn', after_delete: 'warn' } }, { hooks })).not.toThrow();
  });

  it('refuses to loosen a required hook that fails the run, a phase that is not hooked, and other words', () => {
    expect(refusalOf({ failurePolicy: { prepare_plan: 'warn' } }, { hooks })).toEqual(['validation_failed', '/failurePolicy/prepare_plan']);
    expect(refusalOf({ failurePolicy: { reconcile: 'warn' } }, { hooks })).toEqual(['validation_failed', '/failurePolicy/reconcile']);
    expect(refusalOf({ failurePolicy: { after_ready: 'record' as 'warn' } }, { hooks })).toEqual(['validation_failed', '/failurePolicy/after_ready']);
  });
});

describe('overrides', () => {
  const manifest = { overrides: ['other'] };
  it('must be in the manifest, with a path of the plan', () => {
    expect(() => check({ overrides: [{ extension: 'other', path: '/mounts/~1data/readOnly' }] }, manifest)).not.toThrow();
    expect(refusalOf({ overrides: [{ extension: 'third', path: '/labels' }] }, manifest)).toEqual(['validation_failed', '/overrides/0/extension']);
  });

  it.each(['', '/', 'labels', '/a~2', '/a/__proto__'])('refuses the path %j', (path) => {
    expect(refusalOf({ overrides: [{ extension: 'other', path }] }, manifest)).toEqual(['validation_failed', '/overrides/0/path']);
  });
});

describe('config', () => {
  it('must fit the schema of the revision', () => {
    expect(() => check({ config: { subnet: 'x' } }, { configSchema: SCHEMA })).not.toThrow();
    expect(refusalOf({ config: { subnet: 1 } }, { configSchema: SCHEMA })).toEqual(['config_invalid', '/config/subnet']);
    expect(refusalOf({ config: { subnet: 'x' } })).toEqual(['config_invalid', '/config/subnet']);
  });

  it('may leave to requests what it names settable, and only keys that there are', () => {
    expect(() => check({ requestSettable: ['subnet'] }, { configSchema: SCHEMA })).not.toThrow();
    expect(refusalOf({}, { configSchema: SCHEMA })).toEqual(['config_invalid', '/config/subnet']);
    expect(refusalOf({ requestSettable: ['other'], config: { subnet: 'x' } }, { configSchema: SCHEMA })).toEqual(['validation_failed', '/requestSettable/0']);
  });
});

describe('capabilities at activation', () => {
  const context = { drivers: [docker, podman, bare] };
  it('a driver named in the scope that lacks something required is refused, with the reason', () => {
    expect(refusalOf({ scope: { drivers: ['docker', 'bare'], workspaces: null } }, {}, context)).toEqual(['capability_missing', '/scope/drivers']);
    const error = caught(() => check({ scope: { drivers: ['bare'], workspaces: null } }, {}, context));
    expect(error.message).toContain('bare has no prepare_plan');
  });

  it('a driver in an open scope that lacks it is left to the create', () => {
    expect(() => check({}, {}, context)).not.toThrow();
  });

  it('no driver in scope that can run it is refused', () => {
    expect(refusalOf({}, {}, { drivers: [bare] })).toEqual(['capability_missing', '/scope']);
    expect(refusalOf({}, { drivers: ['kubernetes'] })).toEqual(['capability_missing', '/scope']);
    expect(refusalOf({}, {}, { drivers: [] })).toEqual(['capability_missing', '/scope']);
  });

  it('a named driver of another kind is no fault where another one can run it', () => {
    expect(() => check({ scope: { drivers: ['docker', 'podman'], workspaces: null } }, { drivers: ['docker'] })).not.toThrow();
  });

  it('an opt-out asks nothing of a driver', () => {
    expect(() => check({ mode: 'disabled', scope: { drivers: ['bare'], workspaces: null } }, {}, context)).not.toThrow();
  });
});
