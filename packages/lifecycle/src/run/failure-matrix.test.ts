import { type Phase, phaseRow } from '@tenon/vocabulary';
import { describe, expect, it } from 'vitest';
import { type EngineBench, OPERATOR, openEngine } from '../../testing/engine-bench.ts';
import { OK, scriptedTransport } from '../../testing/scripted-transport.ts';
import { TenonError } from '../errors.ts';
import { completeManifest } from '../extension.ts';
import type { HookAnswer, HookCall } from '../ports/transport.ts';

const EXTERNAL = { kind: 'http', url: 'http://127.0.0.1:1', secret: null, signedAnswers: false } as const;
const PHASES_OF_CREATE: readonly Phase[] = ['validate_request', 'prepare_plan', 'before_create', 'after_create', 'before_start', 'after_ready'];
const OTHERS: readonly Phase[] = ['before_stop', 'after_stop', 'before_delete', 'after_delete', 'on_create_failed', 'on_start_failed', 'after_exit'];

/** Ways in which a hook can go wrong, and the code that the run then carries. */
const WRONGS: Readonly<Record<string, { does: (call: HookCall) => Promise<HookAnswer> | HookAnswer; code: (phase: Phase) => string }>> = {
  fails: { does: () => ({ ...OK, result: 'fail', message: 'broken' }), code: () => 'hook_failed' },
  denies: { does: () => ({ ...OK, result: 'deny', message: 'no' }), code: (phase) => (phaseRow(phase).denies ? 'hook_denied' : 'hook_failed') },
  hangs: { does: () => new Promise(() => undefined), code: () => 'hook_timed_out' },
  'answers garbage': {
    does: () => {
      throw new TenonError('hook_protocol_error', 'the answer is not JSON');
    },
    code: () => 'hook_protocol_error',
  },
  'cuts the line': {
    does: () => {
      throw new TenonError('extension_unavailable', 'socket hang up');
    },
    code: () => 'extension_unavailable',
  },
};

/** What the four extensions hold outside, as they see it: (extension, sandbox, phase). */
function world(wrong: { phase: Phase; does: (call: HookCall) => Promise<HookAnswer> | HookAnswer }) {
  const standing = new Set<string>();
  const script = (name: string) => ({
    hook: (call: HookCall): Promise<HookAnswer> | HookAnswer => {
      const { phase } = call.input;
      const place = `${name} ${call.input.sandbox.id} ${phase}`;
      if (phaseRow(phase).effects) standing.add(place);
      if (name === 'third' && phase === wrong.phase) return wrong.does(call);
      return phaseRow(phase).effects ? { ...OK, effects: [{ kind: 'slot', key: phase, handle: { place }, scope: null }] } : OK;
    },
    release: (call: import('../ports/transport.ts').ReleaseCall) => {
      // Without an effect named, everything made under the key is meant: here that is what the failing phase left.
      if (call.effects.length === 0) standing.delete(`${name} ${call.sandbox.id} ${wrong.phase}`);
      for (const effect of call.effects) standing.delete(`${name} ${call.sandbox.id} ${effect.key}`);
      return { released: call.effects.map((effect) => effect.key), failed: [] };
    },
  });
  return { standing, transport: scriptedTransport({ first: script('first'), second: script('second'), third: script('third'), fourth: script('fourth') }) };
}

async function open(wrong: Parameters<typeof world>[0], phases: readonly Phase[]): Promise<{ bench: EngineBench; standing: Set<string> }> {
  const { standing, transport } = world(wrong);
  const bench = await openEngine({ transports: { http: transport }, limits: { breakerFailures: 1_000 } });
  for (const [order, name] of ['first', 'second', 'third', 'fourth'].entries()) {
    await bench.engine.register(
      completeManifest({
        contract: 'tenon.dev/extension/v1',
        name,
        revision: '1.0.0',
        description: '',
        activation: { mode: 'global' },
        effects: ['slot'],
        hooks: phases.map((phase) => ({ phase, deadlineMs: name === 'third' && phase === wrong.phase ? 15 : 2_000 })),
      }),
      EXTERNAL,
    );
    await bench.activate(name, { order, failurePolicy: { after_ready: 'fail' } });
  }
  return { bench, standing };
}

describe('four extensions, the third of which goes wrong', () => {
  for (const [how, { does, code }] of Object.entries(WRONGS)) {
    for (const phase of PHASES_OF_CREATE) {
      it(`${how} in ${phase}: the create fails with its name and nothing is left`, async () => {
        const { bench, standing } = await open({ phase, does }, [...PHASES_OF_CREATE, 'on_create_failed', 'on_start_failed']);
        const { run, sandbox } = await bench.create();
        expect(run.firstError).toMatchObject({ code: code(phase), extension: 'third', phase });
        expect(sandbox.state).toBe('failed');
        expect(run.status).toBe('failed');
        expect(standing).toEqual(new Set());
        expect(bench.driver.backend.workloads.size).toBe(0);
        expect((await bench.effects(sandbox.id)).filter((row) => row.state !== 'released')).toEqual([]);
        // Told in reverse are those that were entered: the fourth was not, in the phase where the third went wrong first.
        const told = (await bench.attempts(run.id)).filter((attempt) => attempt.phase === 'on_create_failed').map((attempt) => attempt.extension);
        expect(told).toEqual(phase === 'validate_request' ? ['third', 'second', 'first'] : ['fourth', 'third', 'second', 'first']);
        const again = await bench.create({ name: sandbox.name });
        expect(again.sandbox.id).not.toBe(sandbox.id);
      });
    }
    for (const phase of OTHERS) {
      it(`${how} in ${phase}: recorded as its row says, and after a delete all is as before`, async () => {
        const { bench, standing } = await open({ phase, does }, [...PHASES_OF_CREATE, ...OTHERS]);
        if (phase === 'on_create_failed' || phase === 'on_start_failed') bench.driver.next('awaitReady', { kind: 'fail' });
        const { sandbox, run } = await bench.create();
        if (phase === 'after_exit') {
          bench.driver.backend.exit(sandbox.id, 0);
          await expect.poll(async () => (await bench.store.getSandbox(sandbox.id))?.state).toBe('stopped');
        } else if (phase === 'before_stop' || phase === 'after_stop') {
          expect((await bench.end(await bench.engine.stopSandbox(sandbox.id, OPERATOR))).sandbox.state).toBe('stopped');
        }
        const options = { force: false, reason: null };
        let last = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, options));
        if (phase === 'before_delete' && how === 'denies') {
          expect(last.run.firstError).toMatchObject({ code: 'hook_denied', extension: 'third' });
          expect(last.sandbox.state).toBe('ready');
          last = await bench.end(await bench.engine.deleteSandbox(sandbox.id, OPERATOR, { force: true, reason: 'it must go' }));
        }
        expect(last.run.status).toBe('succeeded');
        expect(last.sandbox.state).toBe('deleted');
        const runs = [
          run.id,
          last.run.id,
          ...(await bench.store.listRuns({ visible: null, sandboxId: sandbox.id }, { limit: 50 })).items.map((each) => each.id),
        ];
        const attempts = (await Promise.all(runs.map((id) => bench.attempts(id))))
          .flat()
          .filter((attempt) => attempt.extension === 'third' && attempt.phase === phase);
        expect(attempts.length).toBeGreaterThan(0);
        expect(attempts.every((attempt) => ['failed', 'denied', 'timed_out'].includes(attempt.outcome))).toBe(true);
        expect(standing).toEqual(new Set());
        expect(bench.driver.backend.workloads.size).toBe(0);
      });
    }
  }
});
