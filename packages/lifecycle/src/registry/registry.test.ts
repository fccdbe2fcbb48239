import { LIMITS } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { FAKE_SCHEMA } from '../../testing/fake-plan.ts';
import { aManifest, anExtension, caught } from '../../testing/registry-builders.ts';
import type { HookInputDeclaration, Manifest, ManifestInput } from '../extension.ts';
import type { ExtensionRecord } from '../records.ts';
import { checkDescribed, checkRegistration, checkUnregister, keysOf, type RegistrationContext } from './registry.ts';

const register = (manifest: Manifest, context: Partial<RegistrationContext> = {}) =>
  checkRegistration(manifest, { others: [], schemas: [FAKE_SCHEMA], known: null, ...context });
const refusalOf = (overrides: Partial<ManifestInput>, context: Partial<RegistrationContext> = {}) => caught(() => register(aManifest(overrides), context));
const onRequest = (name: string, key: string, revision = '1.0.0') => aManifest({ name, revision, activation: { mode: 'on_request', key } });
const hook = (declaration: Partial<HookInputDeclaration>): Partial<ManifestInput> => ({ hooks: [{ phase: 'prepare_plan', ...declaration }] });

describe('registration', () => {
  it('accepts what is in order', () => {
    expect(() => register(aManifest())).not.toThrow();
    expect(() =>
      register(
        aManifest({
          name: 'tenant-network',
          activation: { mode: 'on_request', key: 'tenant-network' },
          hooks: [
            { phase: 'prepare_plan', points: ['docker.labels'], features: ['exec'] },
            { phase: 'before_create', points: ['docker.networks'], deadlineMs: LIMITS.hookDeadlineMaxMs },
            { phase: 'after_ready', onFailure: 'warn' },
            { phase: 'before_start', required: false, onFailure: 'warn' },
            { phase: 'after_delete', onFailure: 'fail' },
          ],
          effects: ['ip_lease'],
          drivers: ['docker'],
          configSchema: { type: 'object', properties: { subnet: { type: 'string' } } },
          overrides: ['base-labels'],
          cleansUp: '^1',
        }),
      ),
    ).not.toThrow();
  });

  it.each(['', '.', '..', 'a b', 'a/b', 'ümlaut', '__proto__', 'constructor', 'x'.repeat(129)])('refuses the bad name %j', (name) => {
    const error = refusalOf({ name });
    expect([error.code, error.context.pointer]).toEqual(['invalid_extension_name', '/manifest/name']);
  });

  it('refuses a duplicate name', () => {
    const error = refusalOf({}, { others: [anExtension(aManifest())] });
    expect([error.code, error.context.pointer]).toEqual(['extension_exists', '/manifest/name']);
    expect(error.context.hint).toContain('/api/v1/extensions/base-labels/revisions');
  });

  it.each(['', '.', '..', 'a b', 'a/b', '__proto__'])('refuses the bad activation key %j', (key) => {
    const error = refusalOf({ activation: { mode: 'on_request', key } });
    expect([error.code, error.context.pointer]).toEqual(['invalid_activation_key', '/manifest/activation/key']);
  });

  it('refuses an activation key that any revision of another extension has, and says which', () => {
    const other = anExtension([onRequest('other', 'net'), onRequest('other', 'network', '2.0.0')]);
    expect(keysOf(other)).toEqual(['net', 'network']);
    for (const key of ['net', 'network']) {
      const error = refusalOf({ activation: { mode: 'on_request', key } }, { others: [other] });
      expect(error.code).toBe('invalid_activation_key');
      expect(error.message).toContain('belongs to extension other');
      expect(error.context.conflictsWith).toBe('other');
    }
  });

  it('lets a new revision keep its own key', () => {
    const known = anExtension(onRequest('net', 'net'));
    expect(() => register(onRequest('net', 'net', '1.1.0'), { known, others: [known] })).not.toThrow();
  });

  it('refuses a manifest whose name differs from its registration', () => {
    const error = refusalOf({ name: 'other', revision: '2.0.0' }, { known: anExtension(aManifest()) });
    expect([error.code, error.context.extension]).toEqual(['manifest_mismatch', 'base-labels']);
    expect(error.message).toContain('"other"');
  });

  it('refuses an existing revision posted again', () => {
    const known = anExtension([aManifest(), aManifest({ revision: '1.2.0' })]);
    const error = refusalOf({ description: 'changed' }, { known });
    expect([error.code, error.context.pointer]).toEqual(['extension_exists', '/manifest/revision']);
    expect(error.context.hint).toContain('1.2.0');
  });

  it('refuses to post a revision of an extension that ships or is configured; the product itself may replace it', () => {
    const known = anExtension(aManifest(), { source: 'shipped' });
    expect(refusalOf({ revision: '2.0.0' }, { known }).code).toBe('extension_exists');
    expect(() => register(aManifest(), { known, replaces: true })).not.toThrow();
  });

  it('never puts code of the product in place of what somebody registered', () => {
    expect(refusalOf({ revision: '2.0.0' }, { known: anExtension(aManifest()), replaces: true }).code).toBe('extension_exists');
  });

  it('refuses an unknown phase', () => {
    const error = caught(() => aManifest({ hooks: [{ phase: 'prepare_plan' }, { phase: 'configure_launch' }] }));
    expect([error.code, error.context.pointer]).toEqual(['unknown_phase', '/manifest/hooks/1/phase']);
    expect(error.context.hint).toContain('before_create');
    const raw = { ...aManifest(), hooks: [{ ...aManifest().hooks[0], phase: 'nope' }] } as unknown as Manifest;
    expect(caught(() => register(raw)).code).toBe('unknown_phase');
  });

  it('refuses the same phase twice', () => {
    const error = refusalOf({ hooks: [{ phase: 'prepare_plan' }, { phase: 'prepare_plan' }] });
    expect([error.code, error.context.pointer]).toEqual(['validation_failed', '/manifest/hooks/1/phase']);
  });

  it.each([0, -1, 1.5, Number.NaN, LIMITS.hookDeadlineMaxMs + 1])('refuses the deadline %d', (deadlineMs) => {
    const error = refusalOf(hook({ deadlineMs }));
    expect([error.code, error.context.pointer]).toEqual(['validation_failed', '/manifest/hooks/0/deadlineMs']);
  });

  it('refuses a warning where a required hook must fail the run', () => {
    const error = refusalOf(hook({ onFailure: 'warn' }));
    expect([error.code, error.context.pointer]).toEqual(['validation_failed', '/manifest/hooks/0/onFailure']);
  });

  it('refuses effects where no hooked phase allows them', () => {
    const error = refusalOf({ effects: ['ip_lease'] });
    expect([error.code, error.context.pointer]).toEqual(['validation_failed', '/manifest/effects']);
    expect(error.message).toContain('hooked: prepare_plan');
    expect(() => register(aManifest({ effects: ['ip_lease'], hooks: [{ phase: 'prepare_plan' }, { phase: 'after_create' }] }))).not.toThrow();
  });

  const withEffects = { hooks: [{ phase: 'after_create' }] };
  it.each(['*', 'shared:net', 'driver_create', 'a b', ''])('refuses the effect kind %j', (kind) => {
    expect(refusalOf({ ...withEffects, effects: [kind] }).context.pointer).toBe('/manifest/effects/0');
  });

  it('refuses an effect kind twice', () => {
    expect(refusalOf({ ...withEffects, effects: ['a', 'a'] }).context.pointer).toBe('/manifest/effects/1');
  });

  it.each(['latest', '1', '1.0', 'v1.0.0', '1.0.0+build', '01.0.0', ''])('refuses the revision %j', (revision) => {
    const error = refusalOf({ revision });
    expect([error.code, error.context.pointer]).toEqual(['validation_failed', '/manifest/revision']);
  });

  it.each(['not a range', '', '>>1'])('refuses cleansUp %j', (cleansUp) => {
    const error = refusalOf({ cleansUp });
    expect([error.code, error.context.pointer]).toEqual(['validation_failed', '/manifest/cleansUp']);
  });

  it('refuses a contract version that the engine does not speak', () => {
    const error = refusalOf({ contract: 'tenon.dev/extension/v2', name: 'a b' });
    expect([error.code, error.context.pointer]).toEqual(['unsupported_contract', '/manifest/contract']);
    expect(error.message).toContain('tenon.dev/extension/v1');
  });

  it('refuses driver kinds that there are not, an empty list of them, and an override of itself', () => {
    expect(refusalOf({ drivers: ['docker', 'lxc'] }).context.pointer).toBe('/manifest/drivers/1');
    expect(refusalOf({ drivers: [] }).context.pointer).toBe('/manifest/drivers');
    expect(refusalOf({ overrides: ['base-labels'] }).context.pointer).toBe('/manifest/overrides/0');
  });

  it('refuses a broken config schema, by pointer', () => {
    const error = refusalOf({ configSchema: { properties: { a: { $ref: 'https://example.com/x' } } } });
    expect([error.code, error.context.pointer, error.context.extension]).toEqual([
      'validation_failed',
      '/manifest/configSchema/properties/a/$ref',
      'base-labels',
    ]);
  });
});

describe('mutation points at registration', () => {
  const accepted: readonly [string, string][] = [
    ['prepare_plan', '*.labels'],
    ['prepare_plan', '*.resources'],
    ['before_start', '*.env'],
    ['before_create', 'docker.networks'],
    ['prepare_plan', 'kubernetes.pod.env'],
    ['before_start', 'vm.dropins'],
    ['prepare_plan', 'external.platform_config'],
  ];
  it.each(accepted)('%s may name %s', (phase, point) => {
    expect(() => register(aManifest({ hooks: [{ phase, points: [point] }] }))).not.toThrow();
    expect(() => register(aManifest({ hooks: [{ phase, optionalPoints: [point] }] }))).not.toThrow();
  });

  it.each(['docker.nothing', '*.networks', 'lxc.env', 'docker', 'docker.', '.env', 'composed.labels', 'external.nothing', '__proto__.x'])(
    'refuses the unknown %s',
    (point) => {
      const error = refusalOf(hook({ optionalPoints: ['docker.labels', point] }));
      expect([error.code, error.context.pointer, error.context.phase]).toEqual(['unknown_point', '/manifest/hooks/0/optionalPoints/1', 'prepare_plan']);
      expect(error.context.hint).toBeTruthy();
    },
  );

  it('lists the points that there are', () => {
    expect(refusalOf(hook({ points: ['docker.nothing'] })).context.hint).toContain('docker.networks');
  });

  const closed: readonly [string, string, string][] = [
    ['prepare_plan', 'docker.networks', 'before_create'],
    ['before_create', 'docker.labels', 'prepare_plan'],
    ['before_create', '*.labels', 'prepare_plan'],
    ['after_ready', '*.labels', 'only reads the plan'],
    ['validate_request', 'kubernetes.pod.env', 'only reads the plan'],
  ];
  it.each(closed)('in %s the point %s is closed, and the message says where it is open', (phase, point, message) => {
    const error = refusalOf({ hooks: [{ phase, points: [point] }] });
    expect([error.code, error.context.pointer]).toEqual(['point_closed', '/manifest/hooks/0/points/0']);
    expect(error.message).toContain(message);
  });

  it('of a kind that is not loaded are judged by their form alone', () => {
    expect(() => register(aManifest({ hooks: [{ phase: 'prepare_plan', points: ['docker.anything', '*.env'] }] }), { schemas: [] })).not.toThrow();
  });
});

describe('describe', () => {
  it('may leave out what has a default, in any order of keys', () => {
    const { contract, ...rest } = aManifest({ configSchema: { type: 'object', properties: {} } });
    expect(() => checkDescribed(aManifest({ configSchema: { properties: {}, type: 'object' } }), { ...rest, contract })).not.toThrow();
  });

  it('that differs from the registration is refused at the place', () => {
    const error = caught(() => checkDescribed(aManifest(), aManifest({ hooks: [{ phase: 'prepare_plan', points: ['*.env'] }] })));
    expect([error.code, error.context.pointer]).toEqual(['manifest_mismatch', '/manifest/hooks/0/points/0']);
    expect(caught(() => checkDescribed(aManifest(), aManifest({ effects: ['x'] }))).context.pointer).toBe('/manifest/effects/0');
    expect(caught(() => checkDescribed(aManifest({ drivers: ['docker'] }), aManifest())).context.pointer).toBe('/manifest/drivers');
  });
});

describe('unregistering', () => {
  const none = { activations: 0, owed: 0, sandboxes: 0 };
  it('is free where nothing uses it', () => {
    expect(() => checkUnregister(none, { force: false, reason: null })).not.toThrow();
  });

  it('is refused with the counts of what uses it', () => {
    const error = caught(() => checkUnregister({ activations: 1, owed: 2, sandboxes: 3 }, { force: false, reason: 'x' }, 'net'));
    expect(error.code).toBe('extension_in_use');
    expect(error.message).toBe('extension net is still in use: 1 activation, 2 owed effects, 3 sandboxes');
    for (const part of ['activations', 'owed', 'sandboxes'] as const) {
      expect(caught(() => checkUnregister({ ...none, [part]: 1 }, { force: false, reason: null })).code).toBe('extension_in_use');
    }
  });

  it('can be forced, with a reason', () => {
    expect(() => checkUnregister({ activations: 1, owed: 2, sandboxes: 3 }, { force: true, reason: 'gone for good' })).not.toThrow();
    for (const reason of [null, '', '  ']) expect(caught(() => checkUnregister(none, { force: true, reason })).code).toBe('validation_failed');
  });
});

// facts/openshell.md, section 6: what the reference pins at registration.
describe('behaviours of the reference at registration', () => {
  const known: readonly ExtensionRecord[] = [anExtension(onRequest('first', 'first'))];
  it('an invalid activation key is refused', () =>
    expect(refusalOf({ activation: { mode: 'on_request', key: 'not ok' } }).code).toBe('invalid_activation_key'));
  it('a duplicate name is refused', () => expect(refusalOf({ name: 'first' }, { others: known }).code).toBe('extension_exists'));
  it('a descriptor whose name differs is refused', () =>
    expect(caught(() => checkDescribed(aManifest(), aManifest({ name: 'other' }))).code).toBe('manifest_mismatch'));
});
