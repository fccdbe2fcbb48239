import { describe, expect, it } from 'vitest';
import { anIncomingRequest, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { fakeDriver } from '../../testing/fake-driver.ts';
import { OK, scriptedTransport } from '../../testing/scripted-transport.ts';
import { TenonError } from '../errors.ts';
import { completeManifest, defineExtension } from '../extension.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import type { Driver } from '../ports/driver.ts';
import type { HookAnswer } from '../ports/transport.ts';
import { backoff } from './backoff.ts';

const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;

describe('the journal', () => {
  it('has the intent of every side effect before it, and its result after it', async () => {
    const seen: unknown[] = [];
    const fake = fakeDriver();
    /** What the store says at the very moment at which the driver is called. */
    const look = async (call: string, sandboxId: string) => {
      const [run] = (await bench.store.listRuns({ visible: null, sandboxId }, { limit: 1 })).items;
      const rows = (await bench.effects(sandboxId)).map((row) => `${row.kind} ${row.state}`);
      const steps = (await bench.store.getRun(run?.id ?? ''))?.steps.filter((step) => step.name.startsWith('driver:')) ?? [];
      seen.push([call, rows, steps.map((step) => `${step.name} ${step.state}`)]);
    };
    const driver: Driver = {
      ...fake,
      create: async (call) => {
        await look('create', call.sandbox.id);
        return fake.create(call);
      },
      start: async (call) => {
        await look('start', call.sandbox.id);
        return fake.start(call);
      },
      delete: async (call) => {
        await look('delete', call.sandbox.id);
        return fake.delete(call);
      },
    };
    const bench = await openEngine({ driver: fake, drivers: [driver] });
    const { sandbox, run } = await bench.create();
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(seen).toEqual([
      ['create', ['driver_create intended'], ['driver:create intended']],
      ['start', ['driver_create applied', 'driver_start intended'], ['driver:create done', 'driver:start intended']],
      ['delete', ['driver_create applied', 'driver_start applied'], ['driver:delete intended']],
    ]);
    expect((await bench.store.getRun(run.id))?.steps.map((step) => step.state).every((state) => state === 'done')).toBe(true);
  });

  it('waits for a store that is away, says so in the log, and loses nothing', async () => {
    const bench = await openEngine();
    const commit = bench.store.commit.bind(bench.store);
    let away = 0;
    bench.store.commit = async (lease, entries) => {
      if (away > 0) {
        away -= 1;
        throw new TenonError('store_unavailable', 'the database went away');
      }
      await commit(lease, entries);
    };
    let open: () => void = () => undefined;
    bench.driver.next('create', {
      kind: 'gate',
      gate: new Promise<void>((resolve) => {
        open = resolve;
      }),
    });
    const opened = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => bench.driver.calls.some((call) => call.call === 'create')).toBe(true);
    away = 3;
    open();
    const { run, sandbox } = await bench.end(opened);
    expect(away).toBe(0);
    expect(bench.logLines.filter((line) => line.includes('a run waits for its store') && line.includes('"waitingFor":"store"'))).toHaveLength(3);
    expect([run.status, sandbox.state]).toEqual(['succeeded', 'ready']);
    expect((await bench.attempts(run.id)).map((attempt) => attempt.message)).toEqual(['create', 'start', 'ready']);
    expect(bench.driver.changes()).toEqual(['create', 'start']);
  });

  it('lets the replica that unwinds for another tell hooks the state that the first had kept', async () => {
    const told: unknown[] = [];
    const keeper = defineExtension({
      name: 'keeper',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        before_create: { run: () => ({ state: { slot: 7 } }) },
        on_create_failed: {
          run: (ctx) => {
            told.push(ctx.state);
          },
        },
      },
    });
    const driver = fakeDriver();
    const bench = await openEngine({ driver, extensions: [keeper] });
    await bench.activate('keeper');
    driver.next('start', { kind: 'hang' });
    const created = await bench.engine.createSandbox(anIncomingRequest(), OPERATOR);
    await expect.poll(() => driver.calls.some((call) => call.call === 'start')).toBe(true);
    await bench.engine.drain(0);
    const other = bench.another({ driver, extensions: [keeper] });
    await expect
      .poll(async () => {
        await other.engine.recover();
        return (await bench.store.getRun(created.run.id))?.status;
      })
      .toBe('failed');
    expect(told).toEqual([{ slot: 7 }]);
  });
});

describe('an answer that comes too late', () => {
  it('changes neither plan nor ledger nor state, and what it made is released by its key', async () => {
    const late: ((answer: HookAnswer) => void)[] = [];
    const transport = scriptedTransport({
      remote: {
        hook: ({ input: { phase } }) => (phase === 'before_create' && late.length === 0 ? new Promise<HookAnswer>((resolve) => late.push(resolve)) : OK),
      },
    });
    const bench = await openEngine({ transports: { http: transport }, limits: { attempts: 2 } });
    await bench.engine.register(
      completeManifest({
        name: 'remote',
        revision: '1.0.0',
        activation: { mode: 'global' },
        hooks: [{ phase: 'before_create', deadlineMs: 250, points: ['docker.networks'] }, { phase: 'after_create' }],
        effects: ['slot'],
      }),
      EXTERNAL,
    );
    await bench.activate('remote');
    const { run, sandbox } = await bench.create();
    expect(run.status).toBe('succeeded');
    const before = JSON.stringify([await bench.engine.plan(sandbox.id), await bench.effects(sandbox.id), await bench.attempts(run.id)]);
    late[0]?.({
      ...OK,
      edit: { kind: 'patches', patches: [{ op: 'add', path: '/networks/-', value: { name: 'late', ipv4: null, aliases: [] } }] },
      effects: [{ kind: 'slot', key: 'late', handle: 1, scope: null }],
      state: { late: true },
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(JSON.stringify([await bench.engine.plan(sandbox.id), await bench.effects(sandbox.id), await bench.attempts(run.id)])).toBe(before);
    expect(await bench.store.extensionState(sandbox.id, 'remote')).toBeNull();
    // Nobody answered for what the lost attempt made: the row that stands for it is released with the sandbox, by the key.
    expect((await bench.effects(sandbox.id)).find((row) => row.kind === '*' && row.state !== 'released')).toMatchObject({ unanswered: true });
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(transport.releases.map((call) => [call.effects, call.idempotencyKey])).toEqual([[[], transport.hooks[0]?.input.run.idempotencyKey]]);
  });
});

describe('back-off', () => {
  it('doubles up to its most, with full jitter', () => {
    const at = (random: number): Clock => ({ ...systemClock, random: () => random });
    const spans = [0, 1, 2, 3, 4, 5, 6].map((n) => backoff(at(1), n, 200, 5_000));
    expect(spans).toEqual([200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    expect(backoff(at(0), 4, 200, 5_000)).toBe(0);
    expect(backoff(at(0.5), 1, 30_000, 3_600_000)).toBe(30_000);
    expect(backoff(at(1), 40, 30_000, 3_600_000)).toBe(3_600_000);
  });
});
