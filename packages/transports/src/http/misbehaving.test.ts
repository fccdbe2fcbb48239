import { completeManifest } from '@tenon/lifecycle';
import { type EngineBench, OPERATOR, openEngine } from '@tenon/lifecycle/testing';
import type { Phase } from '@tenon/vocabulary';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AllocatingServer, MISDEEDS, type Misdeed, serveAllocating } from '../../testing/allocating-server.ts';
import { httpTransport } from './http-transport.ts';

const ALLOCATES: readonly Phase[] = ['before_create', 'after_create', 'before_start', 'after_ready'];
const CREATE: readonly Phase[] = ['validate_request', 'prepare_plan', ...ALLOCATES];
const DEADLINE_MS = 120;
const NAMES = ['first', 'second', 'third', 'fourth'];

const CODES: Readonly<Record<Misdeed, (phase: Phase) => string>> = {
  fails: () => 'hook_failed',
  // A deny is final where it is asked for; elsewhere it counts as a failure.
  denies: (phase) => (phase === 'after_create' || phase === 'after_ready' ? 'hook_failed' : 'hook_denied'),
  hangs: () => 'hook_timed_out',
  'answers garbage': () => 'hook_protocol_error',
  'cuts the line': () => 'extension_unavailable',
  'answers 500': () => 'extension_unavailable',
  'allocates late': () => 'hook_timed_out',
  'echoes another key': () => 'hook_protocol_error',
};

/** The whole engine over real HTTP: four extensions that allocate, of which the third goes wrong after it allocated. */
describe('a create in which the third of four extensions over HTTP', () => {
  let servers: AllocatingServer[];
  let bench: EngineBench;
  const transport = httpTransport();

  beforeEach(async () => {
    servers = [];
    bench = await openEngine({ transports: { http: transport } });
    for (const [index, name] of NAMES.entries()) {
      const manifest = completeManifest({
        name,
        revision: '1.0.0',
        description: 'allocates wherever it may',
        activation: { mode: 'global' },
        effects: ['slot'],
        hooks: CREATE.map((phase) => ({ phase, deadlineMs: DEADLINE_MS, onFailure: 'fail' })),
      });
      const server = await serveAllocating(manifest, { allocatesIn: ALLOCATES, lateMs: DEADLINE_MS + 60 });
      servers.push(server);
      await bench.engine.register(manifest, { kind: 'http', url: server.url, secret: 'shared', signedAnswers: false });
      await bench.activate(name, { order: 1000 + index });
    }
  });
  afterEach(async () => {
    for (const server of servers) await server.close();
    await transport.close();
  });

  const held = () => servers.flatMap((server, index) => server.held().map((slot) => `${NAMES[index]} ${slot}`));

  it('does well holds what it made until the delete', async () => {
    const { sandbox, run } = await bench.create();
    expect(run.status).toBe('succeeded');
    expect(held()).toHaveLength(NAMES.length * ALLOCATES.length);
    await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: false, reason: null }));
    expect(held()).toEqual([]);
  });

  for (const misdeed of MISDEEDS) {
    it.each(CREATE)(`${misdeed} in %s leaves nothing behind`, async (phase) => {
      servers[2]?.misbehave(phase, misdeed);
      const { sandbox, run } = await bench.create();
      expect(run.status).toBe('failed');
      expect(run.firstError).toMatchObject({ extension: 'third', phase, code: CODES[misdeed](phase) });
      // What comes late is caught by the fence, or by the release that is called once more after it.
      await expect
        .poll(async () => {
          await bench.engine.retryDebts();
          return held();
        })
        .toEqual([]);
      expect((await bench.effects(sandbox.id)).filter(({ state }) => state !== 'released')).toEqual([]);
      expect(await bench.driver.list()).toEqual([]);
      expect(sandbox.state).toBe('failed');
    });
  }
});
