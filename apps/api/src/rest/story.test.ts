import {
  ActivationPreviewView,
  ActivationRecordView,
  ActivationView,
  BlameView,
  DriverView,
  DryRunView,
  ExtensionView,
  listOf,
  MatrixView,
  PlanView,
  RunSummaryView,
  RunView,
  SandboxRunView,
  SandboxView,
} from '@tenon/contract';
import { defineExtension } from '@tenon/lifecycle';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiBench, openApi } from '../../testing/api-bench.ts';

const labels = defineExtension<{ labels: Record<string, string>; env: Record<string, unknown> }>({
  name: 'team-labels',
  revision: '1.0.0',
  description: 'Labels every sandbox with its team',
  activation: { mode: 'global' },
  dryRunSafe: true,
  configSchema: { type: 'object', properties: { team: { type: 'string' } }, required: ['team'], additionalProperties: false },
  hooks: {
    prepare_plan: {
      points: ['docker.labels'],
      run: (ctx) => {
        ctx.plan.labels.team = String(ctx.config.team);
        return { message: 'the team owns it' };
      },
    },
  },
});

/** From an activation to a deleted sandbox, over REST alone; every answer is judged by the contract. */
describe('the story over REST', () => {
  let api: ApiBench;
  let activation: ActivationView;
  let sandboxId: string;
  let runId: string;

  beforeAll(async () => {
    api = await openApi({ extensions: [labels] });
  });
  afterAll(() => api.close());

  it('lists what ships, its drivers and what each can run', async () => {
    const extensions = await api.ask('GET /extensions');
    expect(extensions.statusCode).toBe(200);
    expect(
      listOf(ExtensionView)
        .parse(extensions.data)
        .items.map(({ name, source, activations }) => ({ name, source, activations })),
    ).toEqual([{ name: 'team-labels', source: 'configured', activations: 0 }]);
    const drivers = listOf(DriverView).parse((await api.ask('GET /drivers')).data);
    expect(drivers.items[0]).toMatchObject({ name: 'docker', sandboxes: 0 });
    const { cells } = MatrixView.parse((await api.ask('GET /capability-matrix?extension=team-labels')).data);
    expect(cells.length).toBeGreaterThan(0);
    expect(cells.every((cell) => cell.extension === 'team-labels' && cell.state === 'supported')).toBe(true);
  });

  it('shows what an activation would change before anybody makes it', async () => {
    const preview = await api.ask('POST /activations/preview', { body: { extension: 'team-labels', mode: 'enforce', config: { team: 'blue' } } });
    expect(preview.statusCode, preview.body).toBe(200);
    expect(ActivationPreviewView.parse(preview.data).drivers).toMatchObject([{ driver: 'docker', state: 'supported' }]);
    expect((await api.ask('GET /activations')).data.items).toEqual([]);
  });

  it('activates with an ETag', async () => {
    const created = await api.ask('POST /activations', {
      body: { extension: 'team-labels', mode: 'enforce', config: { team: 'blue' }, scope: { drivers: ['docker'] }, reason: 'teams want it' },
    });
    expect(created.statusCode, created.body).toBe(201);
    activation = ActivationView.parse(created.data);
    expect(created.headers.etag).toBe(`"${activation.version}"`);
    expect(created.headers.location).toBe(`/api/v1/activations/${activation.id}`);
    expect(activation).toMatchObject({ revision: '1.0.0', scope: { drivers: ['docker'] }, percentage: 100, order: 1000, grant: null, actor: 'root' });
  });

  it('shows the plan of a sandbox before it exists', async () => {
    const dry = await api.ask('POST /sandboxes?dryRun=true', {
      body: { name: 'demo', driver: 'docker', template: { image: 'busybox:1' }, command: ['sleep', '60'] },
    });
    expect(dry.statusCode, dry.body).toBe(200);
    const { plan, run } = DryRunView.parse(dry.data);
    expect(plan?.revisions.at(-1)?.changes).toMatchObject([
      { op: 'add', path: '/labels/team', after: 'blue', by: { extension: 'team-labels' }, reason: 'the team owns it' },
    ]);
    expect(run).toMatchObject({ operation: 'preview', status: 'succeeded', sandboxId: null });
    expect(PlanView.parse((await api.ask(`GET /runs/${run.id}/plan`)).data).digest).toBe(plan?.digest);
    expect((await api.ask('GET /sandboxes')).data.items).toEqual([]);
  });

  it('creates and waits until it is ready', async () => {
    const created = await api.ask('POST /sandboxes?wait=10s', {
      body: {
        name: 'demo',
        workspace: 'team-a',
        driver: 'docker',
        template: { image: 'busybox:1' },
        command: ['sleep', '60'],
        environment: { API_KEY: 'canary-3f' },
      },
    });
    expect(created.statusCode, created.body).toBe(201);
    const { sandbox, run } = SandboxRunView.parse(created.data);
    expect(sandbox).toMatchObject({
      name: 'demo',
      workspace: 'team-a',
      state: 'ready',
      driver: { name: 'docker', chain: ['docker'] },
      owed: 0,
      lastRun: { id: run.id },
    });
    expect(run.attempts.some((attempt) => attempt.extension === 'team-labels' && attempt.outcome === 'changed')).toBe(true);
    sandboxId = sandbox.id;
    runId = run.id;
  });

  it('tells who made a field what it is, and hides secrets', async () => {
    const plan = PlanView.parse((await api.ask(`GET /sandboxes/${sandboxId}/plan`)).data);
    expect(plan.sealedAt).not.toBeNull();
    expect(JSON.stringify(plan)).not.toContain('canary-3f');
    const blame = BlameView.parse((await api.ask(`GET /sandboxes/${sandboxId}/plan/blame?path=/labels/team`)).data);
    expect(blame).toMatchObject({ value: 'blue', owner: { kind: 'extension', name: 'team-labels', phase: 'prepare_plan' } });
    const compared = await api.ask(`GET /sandboxes/${sandboxId}/plan?from=0&to=1`);
    expect(compared.data.changes).toMatchObject([{ path: '/labels/team', after: 'blue' }]);
    const record = ActivationRecordView.parse((await api.ask(`GET /sandboxes/${sandboxId}/activation-record`)).data);
    expect(record.extensions).toMatchObject([{ name: 'team-labels', revision: '1.0.0', mode: 'enforce', order: 1000 }]);
  });

  it('shows the run with its trace, and its attempts one by one', async () => {
    const run = RunView.parse((await api.ask(`GET /runs/${runId}`)).data);
    expect(run).toMatchObject({ status: 'succeeded', attemptCount: run.attempts.length });
    const page = await api.ask(`GET /runs/${runId}/attempts?limit=1`);
    expect(page.data.items).toHaveLength(1);
    expect((await api.ask(`GET /attempts/${run.attempts[0]?.id}`)).data.id).toBe(run.attempts[0]?.id);
    const runs = listOf(RunSummaryView).parse((await api.ask('GET /runs?operation=create&status=succeeded&extension=team-labels')).data);
    expect(runs.items.map(({ id }) => id)).toEqual([runId]);
  });

  it('stops, starts and deletes, each once', async () => {
    const stopped = await api.ask(`POST /sandboxes/${sandboxId}/stop?wait=10s`);
    expect([stopped.statusCode, stopped.data.sandbox.state]).toEqual([200, 'stopped']);
    const again = await api.ask(`POST /sandboxes/${sandboxId}/stop`);
    expect([again.statusCode, again.data.run.id]).toEqual([200, stopped.data.run.id]);
    const started = await api.ask(`POST /sandboxes/${sandboxId}/start?wait=10s`);
    expect([started.statusCode, started.data.sandbox.state]).toEqual([200, 'ready']);
    const deleted = await api.ask(`DELETE /sandboxes/${sandboxId}?wait=10s&reason=done`);
    expect([deleted.statusCode, deleted.data.sandbox.state]).toEqual([200, 'deleted']);
    expect((await api.ask('GET /sandboxes')).data.items).toEqual([]);
    expect((await api.ask('GET /sandboxes?state=deleted')).data.items).toHaveLength(1);
    expect(SandboxView.parse((await api.ask(`GET /sandboxes/${sandboxId}`)).data).state).toBe('deleted');
    expect((await api.ask(`DELETE /sandboxes/${sandboxId}`)).statusCode).toBe(200);
  });

  it('audits every change with its runs', async () => {
    const { items } = (await api.ask(`GET /audit?runId=${runId}`)).data;
    expect(items).toMatchObject([{ actor: 'root', action: 'sandbox.create', outcome: 'done', object: { kind: 'sandbox', name: 'demo' }, runIds: [runId] }]);
    const actions = (await api.ask('GET /audit')).data.items.map(({ action }: { action: string }) => action);
    expect(actions).toEqual(['sandbox.delete', 'sandbox.delete', 'sandbox.start', 'sandbox.stop', 'sandbox.stop', 'sandbox.create', 'activation.create']);
  });
});
