import { describe, expect, it } from 'vitest';
import { type EngineBench, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import type { ActivationInput } from '../engine.ts';
import { defineExtension } from '../extension.ts';

interface Plan {
  labels: Record<string, string>;
}

const candidate = (change: Partial<ActivationInput> = {}): ActivationInput => ({
  extension: 'labels',
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
  reason: 'try',
  ...change,
});

function labeller(effects: string[] = [], active: { now: number; most: number } = { now: 0, most: 0 }) {
  return defineExtension<Plan>({
    name: 'labels',
    revision: '1.0.0',
    description: '',
    activation: { mode: 'global' },
    dryRunSafe: true,
    effects: {
      thing: {
        apply: async () => {
          effects.push('apply');
          return {};
        },
        release: async () => undefined,
      },
    },
    hooks: {
      validate_request: {
        run: async (ctx) => {
          active.now += 1;
          active.most = Math.max(active.most, active.now);
          await new Promise((resolve) => setTimeout(resolve, 2));
          active.now -= 1;
          if (ctx.claims.user === 'mallory') return { result: 'deny', message: 'not mallory' };
          return undefined;
        },
      },
      prepare_plan: {
        points: ['docker.labels'],
        run: (ctx) => {
          ctx.plan.labels.team = ctx.claims.user ?? 'nobody';
        },
      },
      before_create: {
        run: async (ctx) => {
          await ctx.effects.ensure('thing', 'k', {});
        },
      },
    },
  });
}

const preview = (bench: EngineBench, change: Partial<ActivationInput> = {}) =>
  bench.engine.previewActivation({ kind: 'new', input: candidate(change) }, OPERATOR);

describe('the preview of a change', () => {
  it('replays the last 20 recorded requests in scope, two at a time, and makes nothing', async () => {
    const effects: string[] = [];
    const active = { now: 0, most: 0 };
    const bench = await openEngine({ extensions: [labeller(effects, active)] });
    for (let i = 0; i < 23; i += 1) await bench.create({ name: `box-${i}`, workspace: i < 22 ? 'team-a' : 'team-b' });
    const before = JSON.stringify(await bench.store.listActivations());
    const runs = (await bench.store.listRuns({ visible: null }, { limit: 200 })).items.length;
    const all = await preview(bench);
    expect(all.requests).toMatchObject({ replayed: 20, changed: 20, truncated: false });
    expect(active.most).toBe(2);
    expect(effects).toEqual([]);
    const scoped = await preview(bench, { scope: { drivers: null, workspaces: ['team-b'] } });
    expect(scoped.requests.samples.map((sample) => sample.sandboxName)).toEqual(['box-22']);
    expect(JSON.stringify(await bench.store.listActivations())).toBe(before);
    expect((await bench.store.listRuns({ visible: null }, { limit: 200 })).items).toHaveLength(runs);
  });

  it('replays each request as the one who made it, with the claims that it had then', async () => {
    const bench = await openEngine({ extensions: [labeller()] });
    const as = async (user: string) =>
      bench.end(
        await bench.engine.createSandbox(
          {
            name: `of-${user}`,
            workspace: 'default',
            driver: 'docker',
            template: { image: 'busybox:1', labels: {}, environment: { API_KEY: 'canary' }, resources: {}, driverConfig: {}, platformConfig: {} },
            command: ['sleep', '1'],
            environment: {},
            gpu: null,
            tty: false,
            claims: null,
            extensionConfig: {},
          },
          { ...OPERATOR, claims: { user } },
        ),
      );
    await as('olga');
    await as('mallory');
    const { requests } = await preview(bench);
    expect(requests).toMatchObject({ replayed: 2, changed: 1, refused: 1, conflicts: 0 });
    // What fails comes first.
    expect(requests.samples).toMatchObject([
      { sandboxName: 'of-mallory', error: { code: 'hook_denied', message: 'not mallory' } },
      { sandboxName: 'of-olga', changes: [{ path: '/labels/team', after: 'olga' }], error: null },
    ]);
    expect(JSON.stringify(requests)).not.toContain('canary');
  });

  it('says which drivers can run it, and what is alive with it', async () => {
    const lame = fakeDriver({ name: 'lame', capabilities: { phases: ['validate_request'] } });
    const docker = fakeDriver();
    const bench = await openEngine({ drivers: [docker, lame], driver: docker, extensions: [labeller()] });
    const id = await bench.activate('labels', { mode: 'shadow' });
    await bench.create({ name: 'alive' });
    const { drivers, live } = await bench.engine.previewActivation({ kind: 'change', id, change: { mode: 'enforce', reason: 'go' } }, OPERATOR);
    expect(drivers).toMatchObject([
      { driver: 'docker', state: 'supported', reasons: [] },
      { driver: 'lame', state: 'refused', reasons: expect.arrayContaining([expect.stringContaining('prepare_plan')]) },
    ]);
    expect(live).toMatchObject({ sandboxes: 1, samples: [{ name: 'alive', mode: 'shadow' }] });
  });

  it('refuses a candidate as saving it would be refused', async () => {
    const bench = await openEngine({ extensions: [labeller()] });
    await bench.activate('labels');
    await expect(preview(bench)).rejects.toMatchObject({ code: 'activation_overlap' });
    await expect(preview(bench, { extension: 'nobody' })).rejects.toMatchObject({ code: 'not_found' });
  });
});
