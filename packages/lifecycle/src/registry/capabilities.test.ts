import { PHASE_NAMES, type Phase } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { FAKE_SCHEMA } from '../../testing/fake-plan.ts';
import { aManifest, someDriver } from '../../testing/registry-builders.ts';
import type { HookInputDeclaration } from '../extension.ts';
import { type DriverFacts, judgeHook, kindsOf, matrixCells, missingFor, runsOn } from './capabilities.ts';

const docker = someDriver();
const lacking = (change: Partial<DriverFacts['capabilities']>) => someDriver({ capabilities: { ...docker.capabilities, ...change } });
const without = (phase: Phase) => lacking({ phases: PHASE_NAMES.filter((name) => name !== phase) });
const withHooks = (...hooks: HookInputDeclaration[]) => aManifest({ hooks });
const missing = (driver: DriverFacts, manifest: ReturnType<typeof aManifest>) => missingFor(driver, driver.capabilities, manifest);
const cell = (driver: DriverFacts, manifest: ReturnType<typeof aManifest>, name: string) =>
  matrixCells(driver, driver.capabilities, manifest, 7).find((each) => each.name === name);

describe('the kinds that an extension is for', () => {
  it('are those it declares, else those its points name, else any', () => {
    expect(kindsOf(aManifest({ drivers: ['process'] }))).toEqual(['process']);
    expect(kindsOf(withHooks({ phase: 'prepare_plan', points: ['docker.env'], optionalPoints: ['podman.env'] }))).toEqual(['docker', 'podman']);
    expect(kindsOf(withHooks({ phase: 'prepare_plan', points: ['*.env'] }))).toBeNull();
    expect(kindsOf(withHooks({ phase: 'after_delete' }))).toBeNull();
  });

  it('may stand anywhere in the chain', () => {
    const dockerOnly = aManifest({ drivers: ['docker'] });
    expect(runsOn(dockerOnly, ['composed', 'docker'])).toBe(true);
    expect(runsOn(dockerOnly, ['process'])).toBe(false);
    expect(runsOn(aManifest(), ['process'])).toBe(true);
  });
});

describe('a hook on a driver', () => {
  const table: readonly [string, DriverFacts, HookInputDeclaration, string][] = [
    ['whose needs are there', docker, { phase: 'prepare_plan', points: ['docker.env'], features: ['exec'] }, 'supported'],
    ['that needs a service by name', docker, { phase: 'after_ready', features: ['tcp_probe'] }, 'supported'],
    ['that needs a missing phase', without('after_ready'), { phase: 'after_ready' }, 'refused'],
    ['that would like a missing phase', without('after_ready'), { phase: 'after_ready', required: false }, 'no_op'],
    ['that needs a missing point', docker, { phase: 'prepare_plan', points: ['docker.volumes'] }, 'refused'],
    ['that needs a closed point', docker, { phase: 'before_create', points: ['docker.env'] }, 'refused'],
    ['not required, that needs a missing point', docker, { phase: 'prepare_plan', points: ['docker.volumes'], required: false }, 'no_op'],
    ['that would like a missing point', docker, { phase: 'prepare_plan', optionalPoints: ['docker.volumes'] }, 'supported'],
    ['that needs a missing feature', docker, { phase: 'after_create', features: ['gpu'] }, 'refused'],
    ['that would like a missing feature', docker, { phase: 'after_create', optionalFeatures: ['gpu'] }, 'supported'],
    ['with a driver-neutral point', docker, { phase: 'prepare_plan', points: ['*.labels'] }, 'supported'],
    [
      'with a driver-neutral point that this driver lacks',
      someDriver({ schema: { ...FAKE_SCHEMA, neutral: {} } }),
      { phase: 'prepare_plan', points: ['*.labels'] },
      'refused',
    ],
    ['with points of a kind that is not in the chain', docker, { phase: 'prepare_plan', points: ['kubernetes.pod.env', 'vm.dropins'] }, 'supported'],
  ];
  it.each(table)('%s', (_what, driver, declaration, state) => {
    const [hook] = withHooks(declaration).hooks;
    if (!hook) throw new Error('no hook');
    const judgement = judgeHook(driver, driver.capabilities, hook);
    expect(judgement.state).toBe(state);
    expect(judgement.reason).toBeTruthy();
  });
});

describe('what a driver lacks', () => {
  it('is refused where required and a no-op where optional, each with its reason', () => {
    const answer = missing(docker, withHooks({ phase: 'prepare_plan', points: ['docker.volumes'], optionalFeatures: ['gpu'] }));
    expect(answer.runs).toBe(true);
    expect(answer.refused).toMatchObject([
      { kind: 'point', name: 'docker.volumes', reason: 'docker has no mutation point docker.volumes', neededBy: 'prepare_plan' },
    ]);
    expect(answer.noOp).toMatchObject([{ kind: 'feature', name: 'gpu', reason: 'docker does not report gpu' }]);
  });

  it('is nothing on a driver that the extension is not for', () => {
    expect(missing(docker, aManifest({ drivers: ['kubernetes'], hooks: [{ phase: 'prepare_plan', features: ['gpu'] }] }))).toEqual({
      runs: false,
      refused: [],
      noOp: [],
    });
  });
});

describe('the matrix', () => {
  it('has one cell for each phase, point and feature that an extension names', () => {
    const manifest = withHooks({ phase: 'prepare_plan', points: ['*.env'] }, { phase: 'before_start', optionalPoints: ['*.env'], features: ['exec'] });
    expect(matrixCells(docker, docker.capabilities, manifest, 7)).toEqual(
      [
        { kind: 'phase', name: 'prepare_plan', reason: 'docker reaches prepare_plan', neededBy: ['prepare_plan'] },
        { kind: 'point', name: '*.env', reason: 'means docker.env, open in prepare_plan', neededBy: ['prepare_plan', 'before_start'] },
        { kind: 'phase', name: 'before_start', reason: 'docker reaches before_start', neededBy: ['before_start'] },
        { kind: 'feature', name: 'exec', reason: 'docker reports it', neededBy: ['before_start'] },
      ].map((expected) => ({
        driver: 'docker',
        extension: 'base-labels',
        revision: '1.0.0',
        state: 'supported',
        remedy: null,
        reportedBy: 'docker 20.10',
        checkedAt: 7,
        ...expected,
      })),
    );
  });

  it('shows the worst where two hooks fare differently, with its remedy', () => {
    const manifest = withHooks({ phase: 'prepare_plan', optionalFeatures: ['gpu'] }, { phase: 'after_create', features: ['gpu'] });
    expect(cell(docker, manifest, 'gpu')).toMatchObject({ state: 'refused', neededBy: ['prepare_plan', 'after_create'] });
    expect(cell(docker, manifest, 'gpu')?.remedy).toBeTruthy();
    expect(cell(without('prepare_plan'), withHooks({ phase: 'prepare_plan', required: false }), 'prepare_plan')).toMatchObject({
      state: 'no_op',
      remedy: null,
    });
  });

  it('says where an extension is not for a driver', () => {
    const cells = matrixCells(docker, docker.capabilities, aManifest({ drivers: ['kubernetes'] }), 7);
    expect(cells).toHaveLength(1);
    expect(cells[0]).toMatchObject({ state: 'no_op', reason: 'not for this driver: it is for drivers of kind kubernetes, and docker is docker' });
  });

  it('has the own rows of a driver: every phase, its points, its features', () => {
    const driver = without('before_restore');
    const cells = matrixCells(driver, driver.capabilities, null, 7);
    expect(cells).toHaveLength(PHASE_NAMES.length + FAKE_SCHEMA.points.length + 1);
    expect(cells.filter(({ state }) => state !== 'supported').map(({ name }) => name)).toEqual(['before_restore']);
    expect(cells.find(({ name }) => name === 'docker.networks')).toMatchObject({ kind: 'point', extension: null, reason: 'open in before_create' });
  });
});
