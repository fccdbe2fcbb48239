import { describe, expect, it } from 'vitest';
import { WireHookAnswer } from './hook.ts';
import { Manifest } from './manifest.ts';
import { WireListAnswer, WireReleaseAnswer } from './release.ts';

const small = { contract: 'tenon.dev/extension/v1', name: 'quota', revision: '1.2.0', activation: { mode: 'global' }, hooks: [] };
const issues = (schema: { safeParse(value: unknown): { error?: { issues: { code: string; path: PropertyKey[] }[] } | undefined } }, value: unknown) =>
  (schema.safeParse(value).error?.issues ?? []).map(({ code, path }) => `${code} ${path.join('.')}`.trim());

describe('the manifest on the wire', () => {
  it('has a default for every field but the few that must be said', () => {
    expect(Manifest.parse({ ...small, hooks: [{ phase: 'before_create' }] })).toEqual({
      ...small,
      description: '',
      effects: [],
      drivers: null,
      configSchema: null,
      overrides: [],
      dryRunSafe: false,
      shadowSafe: false,
      cleansUp: null,
      hooks: [
        { phase: 'before_create', required: true, deadlineMs: 10_000, onFailure: 'fail', points: [], optionalPoints: [], features: [], optionalFeatures: [] },
      ],
    });
  });

  it('fails as the phase table says where a hook does not say', () => {
    const policy = (phase: string) => Manifest.parse({ ...small, hooks: [{ phase }] }).hooks[0]?.onFailure;
    expect(['validate_request', 'before_start', 'before_restore'].map(policy)).toEqual(['fail', 'fail', 'fail']);
    expect(['after_ready', 'before_stop', 'reconcile', 'after_delete', 'before_delete'].map(policy)).toEqual(['warn', 'warn', 'warn', 'warn', 'warn']);
  });

  it('takes the example of the contract as it stands', () => {
    const example = {
      contract: 'tenon.dev/extension/v1',
      name: 'tenant-network',
      revision: '1.2.0',
      description: '…',
      activation: { mode: 'on_request', key: 'tenant-network' },
      hooks: [
        {
          phase: 'prepare_plan',
          required: true,
          deadlineMs: 2000,
          onFailure: 'fail',
          points: ['docker.labels'],
          optionalPoints: [],
          features: [],
          optionalFeatures: [],
        },
        { phase: 'before_create', required: true, deadlineMs: 5000, onFailure: 'fail', points: ['docker.networks'] },
      ],
      effects: ['ip_lease'],
      drivers: ['docker'],
      configSchema: { type: 'object', properties: { subnet: { type: 'string' } }, required: ['subnet'], additionalProperties: false },
      overrides: [],
      dryRunSafe: true,
      shadowSafe: false,
      cleansUp: '^1',
    };
    expect(Manifest.parse(example)).toMatchObject(example);
  });

  it('names what it refuses', () => {
    expect(issues(Manifest, { ...small, colour: 'red' })).toEqual(['unrecognized_keys']);
    expect(issues(Manifest, { ...small, hooks: [{ phase: 'before_create', deadline: 5 }] })).toEqual(['unrecognized_keys hooks.0']);
    expect(issues(Manifest, { ...small, activation: { mode: 'global', key: 'x' } })).toEqual(['unrecognized_keys activation']);
    expect(issues(Manifest, { ...small, activation: { mode: 'on_request' } })).toEqual(['invalid_type activation.key']);
    expect(issues(Manifest, { ...small, drivers: ['dcoker'] })).toEqual(['invalid_value drivers.0']);
    for (const deadlineMs of [0, 1.5, 300_001, '5'])
      expect(issues(Manifest, { ...small, hooks: [{ phase: 'reconcile', deadlineMs }] })[0]).toMatch(/hooks\.0\.deadlineMs$/);
    for (const revision of ['1', '1.2', 'v1.2.0', '01.2.0', '1.2.0-', '1.2.0+', ''])
      expect(issues(Manifest, { ...small, revision })).toEqual(['invalid_format revision']);
    for (const revision of ['0.0.0', '1.2.0-rc.1', '1.2.0+build.5', '1.2.0-a-b.0+x']) expect(issues(Manifest, { ...small, revision })).toEqual([]);
  });
});

describe('answers on the wire', () => {
  it('need no more than a result', () => {
    expect(WireHookAnswer.parse({ result: 'ok' })).toEqual({
      result: 'ok',
      code: null,
      message: null,
      resourceExhausted: false,
      retryAfterMs: null,
      patches: [],
      effects: [],
      state: null,
      warnings: [],
      logs: [],
    });
  });

  it('take the example of the contract, nulls included', () => {
    const answer = {
      result: 'deny',
      idempotencyKey: 'k',
      attempt: 1,
      code: 'quota_exceeded',
      message: '…',
      resourceExhausted: false,
      retryAfterMs: null,
      patches: [],
      effects: [{ kind: 'ip_lease', key: 'eth0', handle: { ip: '10.30.0.5' }, scope: 'start' }],
      state: {},
      warnings: ['…'],
      logs: [{ at: '2026-11-24T10:00:00.000Z', level: 'info', message: '…' }],
    };
    expect(WireHookAnswer.parse(answer)).toEqual(answer);
  });

  it('are refused where they say more or other than that', () => {
    expect(issues(WireHookAnswer, {})).toEqual(['invalid_value result']);
    expect(issues(WireHookAnswer, { result: 'ok', plan: {} })).toEqual(['unrecognized_keys']);
    expect(issues(WireHookAnswer, { result: 'ok', effects: [{ kind: '', key: 'a' }] })).toEqual(['too_small effects.0.kind']);
    expect(issues(WireHookAnswer, { result: 'ok', effects: [{ kind: 'a', key: 'b', scope: 'run' }] })).toEqual(['invalid_value effects.0.scope']);
    expect(issues(WireHookAnswer, { result: 'ok', logs: [{ at: 'noon', message: 'x' }] })).toEqual(['invalid_format logs.0.at']);
    expect(issues(WireReleaseAnswer, { released: ['a'], lost: [] })).toEqual(['unrecognized_keys']);
    expect(issues(WireListAnswer, {})).toEqual(['invalid_type effects']);
  });

  it('of a release default to nothing said', () => {
    expect(WireReleaseAnswer.parse({})).toEqual({ released: [], failed: [] });
  });
});
