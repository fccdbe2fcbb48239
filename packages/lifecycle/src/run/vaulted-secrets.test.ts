import { describe, expect, it } from 'vitest';
import { anIncomingRequest, type EngineBench, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { scriptedTransport } from '../../testing/scripted-transport.ts';
import { completeManifest, defineExtension } from '../extension.ts';
import type { SandboxRequest } from '../records.ts';

const referenceOf = (request: SandboxRequest | undefined, name: string): string => {
  const value = request?.environment[name];
  if (typeof value !== 'object') throw new Error(`${name} is no reference`);
  return value.$secret;
};

/** The secret that a create or dry run brought, as the vault has it now. */
const kept = (bench: EngineBench, id: string) => bench.vault.open(id);

describe('secrets at rest', () => {
  it('of a create that failed go when everything is undone', async () => {
    const bench = await openEngine();
    bench.driver.next('create', { kind: 'fail' });
    const { sandbox } = await bench.create({ environment: { API_KEY: 'canary' } });
    expect(sandbox.state).toBe('failed');
    expect(await kept(bench, referenceOf(sandbox.request, 'API_KEY'))).toBeNull();
  });

  it('of a create that was never opened go at once', async () => {
    const bench = await openEngine();
    await bench.create({ name: 'taken' });
    const put: string[] = [];
    const real = bench.vault.put.bind(bench.vault);
    bench.vault.put = async (owner, secrets) => {
      put.push(...secrets.keys());
      await real(owner, secrets);
    };
    await expect(bench.create({ name: 'taken', environment: { API_KEY: 'canary' } })).rejects.toMatchObject({ code: 'sandbox_exists' });
    expect(put).toHaveLength(1);
    expect(await kept(bench, put[0] ?? '')).toBeNull();
  });

  it('of a dry run go with its run', async () => {
    const bench = await openEngine();
    const { run } = await bench.engine.dryRun(anIncomingRequest({ environment: { API_KEY: 'canary' } }), OPERATOR);
    expect(await kept(bench, referenceOf(run.preview?.request, 'API_KEY'))).toBeNull();
  });

  it('stay over stop and start, so that the driver can use them again', async () => {
    const bench = await openEngine();
    const { sandbox } = await bench.create({ environment: { API_KEY: 'canary' }, command: ['printenv', 'API_KEY'] });
    await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR));
    await bench.end(await bench.engine.startSandbox(sandbox.id, OPERATOR));
    expect(bench.driver.backend.workloads.get(sandbox.id)?.log).toEqual(['canary', 'canary']);
  });

  it('of a transport stand nowhere else, reach the transport only, and go with their revision', async () => {
    const opened: (string | null)[] = [];
    const scripted = scriptedTransport({ remote: {} });
    const transport: typeof scripted = {
      ...scripted,
      open: (revision, secret) => {
        opened.push(secret);
        return scripted.open(revision, secret);
      },
    };
    const bench = await openEngine({ transports: { http: transport } });
    const manifest = completeManifest({ name: 'remote', revision: '1.0.0', activation: { mode: 'global' }, hooks: [{ phase: 'validate_request' }] });
    await bench.engine.register(manifest, { kind: 'http', url: 'http://127.0.0.1:1', secret: 'transport-canary', signedAnswers: true });
    await bench.activate('remote');
    await bench.create();
    const [revision] = (await bench.store.getExtension('remote'))?.revisions ?? [];
    const secretId = revision?.transport.secretId ?? '';
    expect(await kept(bench, secretId)).toBe('transport-canary');
    expect(new Set(opened)).toEqual(new Set(['transport-canary']));
    expect(JSON.stringify([revision, await bench.store.eventsAfter('0', 1000, null), bench.logLines])).not.toContain('transport-canary');
    // An extension that could not be saved leaves none behind.
    await expect(bench.engine.register(manifest, { kind: 'http', url: 'http://127.0.0.1:1', secret: 'second', signedAnswers: false })).rejects.toMatchObject({
      code: 'extension_exists',
    });
    await bench.engine.unregister('remote', { force: true, reason: 'gone' });
    expect(await kept(bench, secretId)).toBeNull();
  });

  it('come into the plan by no hook: a reference of another sandbox is refused, a moved one reaches the driver', async () => {
    let foreign = '';
    let mode: 'steal' | 'move' = 'steal';
    const mover = defineExtension<{ env: Record<string, unknown> }>({
      name: 'mover',
      revision: '1.0.0',
      description: '',
      activation: { mode: 'global' },
      hooks: {
        prepare_plan: {
          points: ['docker.env'],
          run: (ctx) => {
            if (mode === 'steal') ctx.plan.env.STOLEN = { $secret: foreign };
            else {
              ctx.plan.env.RENAMED = ctx.plan.env.API_KEY;
              delete ctx.plan.env.API_KEY;
            }
          },
        },
      },
    });
    const bench = await openEngine({ extensions: [mover] });
    const { sandbox } = await bench.create({ environment: { API_KEY: 'theirs' } });
    foreign = referenceOf(sandbox.request, 'API_KEY');
    await bench.activate('mover');
    expect((await bench.create()).run.firstError).toMatchObject({ code: 'patch_invalid', extension: 'mover', path: '/env/STOLEN' });
    mode = 'move';
    const moved = await bench.create({ environment: { API_KEY: 'mine' }, command: ['printenv', 'RENAMED'] });
    expect(moved.run.firstError).toBeNull();
    expect(bench.driver.backend.workloads.get(moved.sandbox.id)?.log).toEqual(['mine']);
    const change = (await bench.attempts(moved.run.id)).find((attempt) => attempt.extension === 'mover')?.changes;
    expect(JSON.stringify(change)).not.toContain('mine');
  });
});
