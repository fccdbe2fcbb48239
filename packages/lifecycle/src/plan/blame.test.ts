import { describe, expect, it } from 'vitest';
import type { IncomingRequest } from '../engine.ts';
import type { Json } from '../json.ts';
import { blame } from './blame.ts';
import { foldEdit } from './fold.ts';
import { Owners } from './owners.ts';
import { SAMPLE_POINTS, SAMPLE_SCHEMA, samplePlan } from './plan-sample.ts';
import { makeRevision } from './rebuild.ts';
import { isSecretChange, secretRefs, takeSecrets } from './secrets.ts';

const INCOMING: IncomingRequest = {
  name: 'box',
  workspace: 'main',
  driver: 'docker',
  template: {
    image: 'alpine:3',
    labels: { team: 'red' },
    environment: { PATH: '/bin', DB_Password: 'hunter2' },
    resources: { cpuLimit: '500m' },
    driverConfig: { docker: { mounts: [{ type: 'volume', source: 'data', target: '/data' }] } },
    platformConfig: {},
  },
  command: ['sh', '-c', 'sleep 1'],
  environment: { API_KEY: 'abc', PLAIN: { secret: 'marked' }, OPEN: 'x' },
  gpu: null,
  tty: false,
  claims: null,
  extensionConfig: {},
};

function taken(request: IncomingRequest = INCOMING): ReturnType<typeof takeSecrets> {
  let n = 0;
  return takeSecrets(request, { pattern: /pass(word)?|(api)_?key/g, newId: () => `sec-${++n}` });
}

function history(): ReturnType<typeof makeRevision>[] {
  const revisions = [makeRevision({ number: 0, by: { kind: 'driver', name: 'docker' }, phase: null, value: samplePlan(), changes: [] })];
  let value: Json = samplePlan();
  let owners = new Owners();
  for (const [extension, patches, overrides] of [
    [
      'a',
      [
        { op: 'replace', path: '/labels/team', value: 'blue' },
        { op: 'add', path: '/mounts/-', value: { target: '/n', readOnly: true } },
      ],
      [],
    ],
    [
      'b',
      [
        { op: 'replace', path: '/mounts/2/readOnly', value: false },
        { op: 'remove', path: '/resources/cpuMillis' },
      ],
      [{ extension: 'a', path: '/mounts' }],
    ],
  ] as const) {
    const author = { extension, revision: '1.0.0', phase: 'prepare_plan' } as const;
    const folded = foldEdit({
      before: value,
      edit: { kind: 'patches', patches },
      schema: SAMPLE_SCHEMA,
      phase: 'prepare_plan',
      declared: SAMPLE_POINTS,
      owners,
      author,
      overrides,
      reason: `${extension} says`,
    });
    ({ value, owners } = folded);
    revisions.push(
      makeRevision({ number: revisions.length, by: { kind: 'extension', name: extension }, phase: 'prepare_plan', value, changes: folded.changes }),
    );
  }
  return revisions;
}

const who = (path: string): ReturnType<typeof blame> => blame({ path, revisions: history(), schema: SAMPLE_SCHEMA, request: taken().request });

describe('blame', () => {
  it.each([
    ['/image', 'request'],
    ['/env/PATH', 'request'],
    ['/command', 'request'],
    ['/mounts/~1data/source', 'request'],
    ['/labels/tenon.dev~1sandbox-id', 'driver'],
    ['/env/TENON_SANDBOX', 'driver'],
    ['/security/noNewPrivileges', 'driver'],
    ['/mounts/~1tmp', 'driver'],
  ])('answers for %s: the %s', (path, kind) => {
    expect(who(path).owner.kind).toBe(kind);
  });

  it('answers the extension that set it last, with everything before', () => {
    expect(who('/labels/team')).toMatchObject({
      value: 'blue',
      owner: { kind: 'extension', name: 'a', phase: 'prepare_plan', revision: '1.0.0' },
      history: [
        { kind: 'request', after: 'red' },
        { kind: 'extension', name: 'a', op: 'replace', before: 'red', after: 'blue', reason: 'a says' },
      ],
    });
  });

  it('answers for fields below an element, and for what was removed', () => {
    expect(who('/mounts/~1n/target')).toMatchObject({ value: '/n', owner: { name: 'a' } });
    expect(who('/mounts/~1n/readOnly')).toMatchObject({
      value: false,
      owner: { name: 'b' },
      history: [
        { name: 'a', op: 'add', after: true },
        { name: 'b', op: 'replace', before: true },
      ],
    });
    expect(who('/mounts/~1n')).toMatchObject({ value: { target: '/n', readOnly: false }, owner: { name: 'a' } });
    expect(who('/resources/cpuMillis')).toMatchObject({ value: null, owner: { name: 'b' }, history: [{ kind: 'request', after: 500 }, { op: 'remove' }] });
  });

  it('says not found, and what is there', () => {
    expect(() => who('/labels/none')).toThrow(
      expect.objectContaining({ code: 'not_found', context: expect.objectContaining({ hint: expect.stringContaining('team') }) }),
    );
    expect(() => who('/labels/__proto__')).toThrow(expect.objectContaining({ code: 'not_found' }));
  });
});

describe('secrets', () => {
  it('are taken out of the environment by name, whatever its case, and where they are marked', () => {
    const { request, secrets } = taken();
    expect(request.template.environment).toEqual({ PATH: '/bin', DB_Password: { $secret: 'sec-1' } });
    expect(request.environment).toEqual({ API_KEY: { $secret: 'sec-2' }, PLAIN: { $secret: 'sec-3' }, OPEN: 'x' });
    expect([...secrets.values()]).toEqual(['hunter2', 'abc', 'marked']);
    expect(JSON.stringify(request)).not.toMatch(/hunter2|abc|marked/);
    expect(request.claims).toEqual({});
  });

  it('cannot be referred to by a request', () => {
    const forged = { ...INCOMING, template: { ...INCOMING.template, driverConfig: { docker: { env: [{ value: { $secret: 'sec-9' } }] } } } };
    expect(() => taken(forged)).toThrow(
      expect.objectContaining({
        code: 'validation_failed',
        context: expect.objectContaining({ pointer: '/template/driverConfig/docker/env/0/value/$secret' }),
      }),
    );
  });

  it('are found in a value, and in a change that a view must redact', () => {
    expect(secretRefs(samplePlan())).toEqual(new Set(['sec-1']));
    expect(isSecretChange({ op: 'add', path: '/env/X', after: { $secret: 'a' } })).toBe(true);
    expect(isSecretChange({ op: 'remove', path: '/env', before: { X: { $secret: 'a' } } })).toBe(true);
    expect(isSecretChange({ op: 'replace', path: '/env/X', before: 'a', after: 'b' })).toBe(false);
  });
});
