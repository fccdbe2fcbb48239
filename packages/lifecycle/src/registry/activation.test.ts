import { createHash } from 'node:crypto';
import { PHASE_NAMES } from '@tenon/vocabulary';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aRequest, type RequestOverrides } from '../../testing/fake-plan.ts';
import { aManifest, anActivation, anExtension, caught, someDriver } from '../../testing/registry-builders.ts';
import type { ManifestInput } from '../extension.ts';
import type { JsonObject } from '../json.ts';
import type { ActivationRow } from '../records.ts';
import { configDigest, type DecisionInput, decideActivation, rolloutBucket } from './activation.ts';
import type { AlwaysOn } from './always-on.ts';

const LABEL = 'openshell.io/extension.net';
const asking = (overrides: RequestOverrides = {}, value = 'enabled') =>
  aRequest({ ...overrides, template: { labels: { [LABEL]: value }, ...overrides.template } });
const SCHEMA: JsonObject = {
  type: 'object',
  properties: { subnet: { type: 'string' }, size: { type: 'integer' } },
  required: ['subnet'],
  additionalProperties: false,
};
const onRequest: Partial<ManifestInput> = { name: 'tenant-network', activation: { mode: 'on_request', key: 'net' } };
const optional: Partial<ManifestInput> = { hooks: [{ phase: 'prepare_plan', required: false }] };
const anyone = { workspaces: null, roles: null };

const decide = (change: Partial<DecisionInput> = {}) =>
  decideActivation({
    request: aRequest(),
    sandboxId: 'sbx-1',
    driver: someDriver(),
    extensions: [anExtension(aManifest())],
    activations: [anActivation()],
    caller: { actor: { kind: 'token', name: 'bo', role: 'operator' }, role: 'operator' },
    claims: {},
    claimsSource: 'token',
    breakerOpen: () => false,
    available: () => true,
    now: 42,
    dryRun: false,
    ...change,
  });

/** One global extension with this manifest and activation. */
const global = (manifest: Partial<ManifestInput>, activation: Partial<ActivationRow> = {}, change: Partial<DecisionInput> = {}) =>
  decide({ extensions: [anExtension(aManifest(manifest))], activations: [anActivation(activation)], ...change });
/** One on-request extension, granted to anyone unless said otherwise, asked for unless said otherwise. */
const requested = (activation: Partial<ActivationRow> = {}, change: Partial<DecisionInput> = {}, manifest: Partial<ManifestInput> = {}) =>
  decide({
    request: asking(),
    extensions: [anExtension(aManifest({ ...onRequest, ...manifest }))],
    activations: [anActivation({ extension: 'tenant-network', grant: anyone, ...activation })],
    ...change,
  });
const names = (record: ReturnType<typeof decide>) => record.extensions.map(({ name }) => name);
const reasons = (record: ReturnType<typeof decide>) => record.passedOver.map(({ reason }) => reason);

describe('the record', () => {
  it('holds what every later phase needs', () => {
    const record = requested(
      {
        order: 7,
        config: { subnet: '10.0.0.0/24' },
        requestSettable: ['size'],
        overrides: [{ extension: 'base-labels', path: '/labels/team' }],
        failurePolicy: { after_ready: 'fail' },
      },
      { request: asking({ extensionConfig: { 'tenant-network': { size: 3 } } }), claims: { tenant: 'acme' } },
      {
        configSchema: SCHEMA,
        overrides: ['base-labels'],
        hooks: [{ phase: 'prepare_plan' }, { phase: 'after_ready' }, { phase: 'after_delete' }],
        dryRunSafe: true,
      },
    );
    expect(record).toMatchObject({ decidedAt: 42, claims: { tenant: 'acme' }, claimsSource: 'token', passedOver: [] });
    expect(record.extensions).toEqual([
      {
        name: 'tenant-network',
        revision: '1.0.0',
        transport: 'http',
        activationId: 'act-1',
        order: 7,
        config: { subnet: '10.0.0.0/24' },
        requestConfig: { size: 3 },
        configDigest: configDigest({ subnet: '10.0.0.0/24' }, { size: 3 }),
        hooks: aManifest({ hooks: [{ phase: 'prepare_plan' }, { phase: 'after_ready' }, { phase: 'after_delete' }] }).hooks,
        failurePolicy: { prepare_plan: 'fail', after_ready: 'fail', after_delete: 'record' },
        overrides: [{ extension: 'base-labels', path: '/labels/team' }],
        mode: 'enforce',
        percentage: 100,
        required: true,
        why: 'asked for by the label for net, granted by activation act-1 (everywhere)',
        grantedBy: 'ada, activation act-1',
        dryRunSafe: true,
        shadowSafe: false,
      },
    ]);
  });

  it('shares nothing with the input, is frozen, and is plain JSON', () => {
    const activation = anActivation({ config: { list: [{ a: 1 }] } });
    const record = decide({ extensions: [anExtension(aManifest({ configSchema: {} }))], activations: [activation], claims: { user: 'u' } });
    (activation.config.list as { a: number }[])[0] = { a: 2 };
    expect(record.extensions[0]?.config).toEqual({ list: [{ a: 1 }] });
    expect(() => Object.assign(record.extensions[0]?.config ?? {}, { list: 1 })).toThrow(TypeError);
    expect(JSON.parse(JSON.stringify(record))).toEqual(record);
    expect('tenant' in record.claims).toBe(false);
  });

  it('is in setup order whatever the order of extensions and activations', () => {
    const made = ['c', 'a', 'b'].map((name) => anExtension(aManifest({ name })));
    const rows = ['c', 'a', 'b'].map((extension) => anActivation({ id: `act-${extension}`, extension, order: extension === 'c' ? 1 : 1000 }));
    fc.assert(
      fc.property(fc.shuffledSubarray(made, { minLength: 3 }), fc.shuffledSubarray(rows, { minLength: 3 }), (extensions, activations) => {
        expect(names(decide({ extensions, activations }))).toEqual(['c', 'a', 'b']);
      }),
    );
  });

  it('says nothing of an extension that has no activation in scope', () => {
    expect(decide({ activations: [anActivation({ scope: { drivers: null, workspaces: ['elsewhere'] } })] })).toMatchObject({ extensions: [], passedOver: [] });
  });
});

describe('asking by label', () => {
  it('activates an on-request extension that is granted; without the label it is passed over', () => {
    expect(names(requested())).toEqual(['tenant-network']);
    expect(reasons(requested({}, { request: aRequest() }))).toEqual(['not asked for (key net)']);
    expect(reasons(requested({}, { request: asking({}, 'no') }))).toEqual(['declined by the label for net']);
  });

  it('refuses a key that no extension has', () => {
    const error = caught(() => decide({ request: asking() }));
    expect([error.code, error.context.pointer]).toEqual(['activation_unknown', '/template/labels/openshell.io~1extension.net']);
  });

  it('refuses a key of another revision than the one that would run', () => {
    const extensions = [
      anExtension([aManifest({ ...onRequest, activation: { mode: 'on_request', key: 'old-net' } }), aManifest({ ...onRequest, revision: '2.0.0' })]),
    ];
    expect(caught(() => requested({ revision: '1.0.0' }, { extensions })).code).toBe('activation_unknown');
    expect(names(requested({ revision: '2.0.0' }, { extensions }))).toEqual(['tenant-network']);
    const both = aRequest({ template: { labels: { [LABEL]: 'on', 'openshell.io/extension.old-net': 'on' } } });
    expect(caught(() => requested({ revision: '2.0.0' }, { extensions, request: both })).context.pointer).toContain('old-net');
  });

  const refusals: readonly [string, Partial<ActivationRow>, string][] = [
    ['no activation in scope', { scope: { drivers: null, workspaces: ['team-a'] } }, 'no activation for driver docker in workspace default'],
    ['no grant', { grant: null }, 'its grant names nobody'],
    ['a grant to other workspaces', { grant: { workspaces: ['team-a'], roles: null } }, 'workspace default is not among team-a'],
    ['a grant to other roles', { grant: { workspaces: null, roles: ['admin'] } }, 'role operator is not among admin'],
  ];
  it.each(refusals)('refuses with %s', (_what, activation, message) => {
    const error = caught(() => requested(activation));
    expect([error.code, error.context.pointer, error.context.extension]).toEqual([
      'activation_not_granted',
      '/template/labels/openshell.io~1extension.net',
      'tenant-network',
    ]);
    expect(error.message).toContain(message);
    expect(error.context.hint).toBeTruthy();
  });

  it('a grant needs workspace and role, each list absent being any', () => {
    expect(names(requested({ grant: { workspaces: ['default'], roles: ['operator'] } }))).toEqual(['tenant-network']);
    expect(caught(() => requested({ grant: { workspaces: ['default'], roles: ['admin'] } })).code).toBe('activation_not_granted');
  });

  it('of a disabled extension is refused; a global one that is disabled lets creates go on', () => {
    expect(caught(() => requested({ mode: 'disabled' })).code).toBe('activation_disabled');
    expect(reasons(global({}, { mode: 'disabled' }))).toEqual(['disabled by activation act-1 (everywhere)']);
    expect(reasons(requested({ mode: 'disabled' }, { request: aRequest() }))).toHaveLength(1);
  });

  it('on a driver of another kind is refused; a global one is recorded as not for this driver', () => {
    expect(caught(() => requested({}, {}, { drivers: ['kubernetes'] })).code).toBe('capability_missing');
    expect(reasons(global({ drivers: ['kubernetes'] }))[0]).toContain('not for this driver');
  });

  it('forwards the keys of an external driver', () => {
    expect(decide({ request: asking({}, 'anything'), passThroughKeys: ['net'] }).extensions).toHaveLength(1);
  });
});

describe('the most specific scope decides alone', () => {
  const rows = (...changes: readonly Partial<ActivationRow>[]) => changes.map((change, index) => anActivation({ id: `act-${index}`, ...change }));
  const scope = (drivers: readonly string[] | null, workspaces: readonly string[] | null) => ({ scope: { drivers, workspaces } });
  const all = [scope(null, null), scope(['docker'], null), scope(null, ['default']), scope(['docker'], ['default'])];

  it('drivers and workspaces before workspaces before drivers before none', () => {
    for (let count = all.length; count > 0; count -= 1) {
      expect(decide({ activations: rows(...all.slice(0, count)).reverse() }).extensions[0]?.activationId).toBe(`act-${count - 1}`);
    }
  });

  it('an activation for another driver or workspace does not count', () => {
    expect(decide({ activations: rows(scope(null, null), scope(['podman'], ['default']), scope(null, ['team-a'])) }).extensions[0]?.activationId).toBe('act-0');
  });

  it('a disabled one for a workspace is an opt-out: nothing falls back to a wider one', () => {
    const record = decide({ activations: rows(scope(null, null), { ...scope(null, ['default']), mode: 'disabled' }) });
    expect(record.extensions).toEqual([]);
    expect(reasons(record)).toEqual(['disabled by activation act-1 (workspace default)']);
  });

  it('nor does its percentage or its grant fall back', () => {
    expect(decide({ activations: rows(scope(null, null), { ...scope(['docker'], null), percentage: 0 }) }).extensions).toEqual([]);
    const activations = rows({ extension: 'tenant-network', grant: anyone }, { extension: 'tenant-network', ...scope(null, ['default']), grant: null });
    expect(caught(() => requested({}, { activations })).code).toBe('activation_not_granted');
  });
});

describe('what keeps a required extension from running refuses the create', () => {
  const off = { on: true, reason: 'leaks addresses', actor: 'ada', at: 1 };
  const killed = (manifest: Partial<ManifestInput>) => [anExtension(aManifest(manifest), { killSwitch: off })];

  it('kill switch: killed where required, else passed over visibly', () => {
    expect(caught(() => decide({ extensions: killed({}) })).code).toBe('killed');
    expect(caught(() => requested({}, { extensions: killed({ ...onRequest, ...optional }) })).code).toBe('killed');
    expect(reasons(decide({ extensions: killed(optional) }))).toEqual(['kill switch on: leaks addresses']);
  });

  it('breaker: breaker_open where required; else it stays active, since a breaker closes again', () => {
    const breakerOpen = (name: string) => name === 'base-labels';
    expect(caught(() => decide({ breakerOpen })).code).toBe('breaker_open');
    expect(names(global(optional, {}, { breakerOpen }))).toEqual(['base-labels']);
  });

  it('code that is gone: revision_unavailable where required, else passed over', () => {
    const available = () => false;
    expect(caught(() => decide({ available })).code).toBe('revision_unavailable');
    expect(caught(() => global({}, { revision: '9.9.9' })).code).toBe('revision_unavailable');
    expect(reasons(global(optional, {}, { available }))).toEqual(['the code of revision 1.0.0 is not here']);
  });

  it('config that no longer fits: config_invalid where required, else passed over', () => {
    const error = caught(() => global({ configSchema: SCHEMA }, { config: { subnet: 7 } }));
    expect([error.code, error.context.pointer]).toEqual(['config_invalid', undefined]);
    expect(error.message).toContain('activation act-1');
    expect(reasons(global({ configSchema: SCHEMA, ...optional }, { config: { subnet: 7 } }))[0]).toContain('no longer fits');
  });

  it('a driver that lacks what it requires: capability_missing', () => {
    const driver = someDriver({ capabilities: { ...someDriver().capabilities, phases: PHASE_NAMES.filter((phase) => phase !== 'prepare_plan') } });
    const error = caught(() => decide({ driver }));
    expect(error.code).toBe('capability_missing');
    expect(error.message).toContain('docker has no prepare_plan (needed by prepare_plan)');
    expect(names(global(optional, {}, { driver }))).toEqual(['base-labels']);
  });
});

describe('percentage', () => {
  it('puts a sandbox into the bucket of the first 32 bits of SHA-256(activation ":" sandbox), mod 100', () => {
    const hex = createHash('sha256').update('act-1:sbx-1').digest('hex').slice(0, 8);
    expect(rolloutBucket('act-1', 'sbx-1')).toBe(Number.parseInt(hex, 16) % 100);
  });

  it('is inside where the bucket is smaller, and says so', () => {
    const bucket = rolloutBucket('act-1', 'sbx-1');
    const inside = global({}, { percentage: bucket + 1 });
    expect(inside.extensions[0]).toMatchObject({ percentage: bucket + 1, why: `activation act-1 (everywhere), inside ${bucket + 1} % (bucket ${bucket})` });
    expect(reasons(global({}, { percentage: bucket }))).toEqual([`outside ${bucket} %`]);
  });

  it('when raised keeps those that were in', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat({ max: 100 }), fc.nat({ max: 100 }), (sandboxId, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const isIn = (percentage: number) => global({}, { percentage }, { sandboxId }).extensions.length === 1;
        expect(!isIn(low) || isIn(high)).toBe(true);
      }),
    );
  });

  it('holds nobody back in a dry run, which says the share', () => {
    expect(global({}, { percentage: 0 }, { dryRun: true }).extensions[0]).toMatchObject({
      percentage: 0,
      why: 'activation act-1 (everywhere), would run for 0 % of sandboxes',
    });
  });

  it('is for global extensions only', () => {
    expect(names(requested({ percentage: 0 }))).toEqual(['tenant-network']);
  });
});

describe('shadow', () => {
  it('runs, requires nothing and stops nothing', () => {
    const record = global({}, { mode: 'shadow' }, { breakerOpen: () => true });
    expect(record.extensions[0]).toMatchObject({ mode: 'shadow', required: false, why: 'activation act-1 (everywhere), in shadow' });
    const off = { on: true, reason: 'x', actor: 'ada', at: 1 };
    expect(reasons(decide({ extensions: [anExtension(aManifest(), { killSwitch: off })], activations: [anActivation({ mode: 'shadow' })] }))).toEqual([
      'kill switch on: x',
    ]);
  });
});

describe('required', () => {
  it('is what was asked for, or what has a required hook', () => {
    expect(global({}).extensions[0]?.required).toBe(true);
    expect(global(optional).extensions[0]?.required).toBe(false);
    expect(requested({}, {}, optional).extensions[0]?.required).toBe(true);
  });
});

describe('failure policy', () => {
  it("is the activation's word before the hook's, and never looser than the phase allows", () => {
    const hooks = [
      { phase: 'prepare_plan' },
      { phase: 'before_start', required: false },
      { phase: 'after_ready' },
      { phase: 'before_delete' },
      { phase: 'after_exit', onFailure: 'fail' as const },
    ];
    const policy = { prepare_plan: 'warn', before_start: 'warn', after_ready: 'fail', before_delete: 'fail' } as const;
    expect(global({ hooks }, { failurePolicy: policy }).extensions[0]?.failurePolicy).toEqual({
      prepare_plan: 'fail',
      before_start: 'warn',
      after_ready: 'fail',
      before_delete: 'record',
      after_exit: 'record',
    });
    expect(global({ hooks }).extensions[0]?.failurePolicy).toMatchObject({ prepare_plan: 'fail', before_start: 'fail', after_ready: 'warn' });
  });

  it('overrides count only where the manifest asks for them', () => {
    expect(global({}, { overrides: [{ extension: 'other', path: '/labels' }] }).extensions[0]?.overrides).toEqual([]);
  });
});

describe('config from the request', () => {
  const settable = { config: { subnet: 'x' }, requestSettable: ['size'] };
  const withBlock = (block: JsonObject) => ({ request: asking({ extensionConfig: { 'tenant-network': block } }) });

  it('may set the keys that the activation names', () => {
    expect(requested(settable, withBlock({ size: 3 }), { configSchema: SCHEMA }).extensions[0]?.requestConfig).toEqual({ size: 3 });
  });

  const refused: readonly [string, JsonObject, string, string][] = [
    ['a key that is not settable', { subnet: 'y' }, 'config_invalid', '/extensionConfig/tenant-network/subnet'],
    ['a key that there is not', { other: 1 }, 'unknown_field', '/extensionConfig/tenant-network/other'],
    ['a value that the schema refuses', { size: 'big' }, 'config_invalid', '/extensionConfig/tenant-network/size'],
  ];
  it.each(refused)('with %s is refused', (_what, block, code, pointer) => {
    const error = caught(() => requested(settable, withBlock(block), { configSchema: SCHEMA }));
    expect([error.code, error.context.pointer]).toEqual([code, pointer]);
  });

  it('may be needed: a required key left to the request and not given is pointed at', () => {
    const error = caught(() => requested({ requestSettable: ['subnet'] }, {}, { configSchema: SCHEMA }));
    expect([error.code, error.context.pointer]).toEqual(['config_invalid', '/extensionConfig/tenant-network/subnet']);
    expect(requested({ requestSettable: ['subnet'] }, withBlock({ subnet: 'z' }), { configSchema: SCHEMA }).extensions).toHaveLength(1);
  });

  it('for an extension that does not run is unowned, with the reason', () => {
    const request = aRequest({ extensionConfig: { 'tenant-network': {} } });
    const error = caught(() => requested({}, { request }));
    expect([error.code, error.context.pointer]).toEqual(['unowned_config_block', '/extensionConfig/tenant-network']);
    expect(error.message).toContain('not asked for');
    expect(caught(() => decide({ request: aRequest({ extensionConfig: { nobody: {} } }) })).code).toBe('unowned_config_block');
  });

  it('never reads a key of the prototype as an extension', () => {
    const request = aRequest({ extensionConfig: JSON.parse('{"__proto__": {"a": 1}}') as Record<string, JsonObject> });
    expect(caught(() => decide({ request })).code).toBe('unowned_config_block');
  });
});

describe('always-on entries of a wrapper', () => {
  const entry = (change: Partial<AlwaysOn> = {}): AlwaysOn => ({
    wrapper: 'team',
    place: 0,
    extension: 'base-labels',
    revision: null,
    order: 1000,
    config: {},
    failurePolicy: {},
    overrides: [],
    ...change,
  });

  it('run at the place of their wrapper, before all others, and supersede other activations visibly', () => {
    const extensions = [anExtension(aManifest({ name: 'early' })), anExtension(aManifest())];
    const activations = [anActivation({ id: 'act-early', extension: 'early', order: 1 }), anActivation({ mode: 'disabled' })];
    const record = decide({ extensions, activations, alwaysOn: [entry({ place: 1 })] });
    expect(names(record)).toEqual(['base-labels', 'early']);
    expect(record.extensions[0]).toMatchObject({ activationId: null, place: 1, why: 'the always-on entry of wrapper team', revision: '1.0.0' });
    expect(reasons(record)).toEqual(['activation act-1 (everywhere) is superseded by the always-on entry of team']);
  });

  it('of on-request extensions run unasked', () => {
    expect(names(requested({}, { request: aRequest(), alwaysOn: [entry({ extension: 'tenant-network' })] }))).toEqual(['tenant-network']);
  });

  it('may not hold one extension twice in a chain', () => {
    const error = caught(() => decide({ alwaysOn: [entry(), entry({ wrapper: 'outer', place: 1 })] }));
    expect(error.code).toBe('validation_failed');
    expect(error.message).toContain('by team and by outer');
  });

  it('of an extension that nobody registered refuse the create', () => {
    expect(caught(() => decide({ alwaysOn: [entry({ extension: 'gone' })] })).code).toBe('revision_unavailable');
  });
});

// facts/openshell.md, sections 6 and 7.
describe('behaviours of the reference', () => {
  it('an on-request extension runs only with an enabled label, and active names reflect that', () => {
    expect(names(requested())).toEqual(['tenant-network']);
    for (const request of [aRequest(), asking({}, 'disabled'), asking({}, '')]) expect(names(requested({}, { request }))).toEqual([]);
  });

  it('7.1: the decision is frozen: later labels, activations and manifests do not reach a record that was made', () => {
    const activations = [anActivation({ extension: 'tenant-network', grant: anyone })];
    const extensions = [anExtension(aManifest(onRequest))];
    const request = asking();
    const record = requested({}, { request, activations, extensions });
    const before = JSON.stringify(record);
    activations.length = 0;
    extensions.length = 0;
    Object.assign(request.template.labels, { [LABEL]: 'disabled' });
    expect(JSON.stringify(record)).toBe(before);
    expect(Object.isFrozen(record) && Object.isFrozen(record.extensions) && Object.isFrozen(record.extensions[0]?.hooks)).toBe(true);
  });

  it('7.2: a caller cannot activate by itself: the label asks, the server grants, and the record says who did', () => {
    expect(caught(() => requested({ grant: null })).code).toBe('activation_not_granted');
    expect(requested().extensions[0]?.grantedBy).toBe('ada, activation act-1');
    expect(caught(() => decide({ request: aRequest({ template: { labels: { 'openshell.io/other': '1' } } }) })).code).toBe('reserved_label');
  });
});
