import { checkConfig } from '@tenon/lifecycle';
import { describe, expect, it } from 'vitest';
import { callHook, type TestCall } from '../../testing/call-hook.ts';
import { readinessGate } from './index.ts';

const gate = (call: Partial<TestCall>) => callHook(readinessGate, { phase: 'after_ready', config: {}, ...call });
const port = { tcp: { port: 8080 }, intervalMs: 20, timeoutMs: 2_000 };

describe('readiness-gate', () => {
  it('asks until the port accepts', async () => {
    const answers = [false, false, true];
    const asked: unknown[] = [];
    const { answer } = await gate({
      config: port,
      services: {
        tcp_probe: async ({ port, sandbox }) => {
          asked.push({ port, name: sandbox.name });
          return answers.shift() ?? false;
        },
      },
    });
    expect(answer).toMatchObject({ result: 'ok', message: 'ready at probe 3' });
    expect(asked).toEqual(Array(3).fill({ port: 8080, name: 'demo' }));
  });

  it('asks until the command succeeds', async () => {
    const codes = [1, 0];
    const { answer } = await gate({
      config: { command: ['test', '-f', '/ready'], intervalMs: 20 },
      services: { exec: async () => ({ exitCode: codes.shift() ?? 1, output: '' }) },
    });
    expect(answer).toMatchObject({ result: 'ok', message: 'ready at probe 2' });
  });

  it('fails at its timeout and says what it saw last', async () => {
    const { answer } = await gate({
      config: { command: ['check'], intervalMs: 20, timeoutMs: 100 },
      services: { exec: async () => ({ exitCode: 7, output: 'starting\nstill loading\n' }) },
    });
    expect(answer).toMatchObject({ result: 'fail', code: 'not_ready', retryAfterMs: null });
    expect(answer.message).toMatch(/^not ready after 100 ms and \d+ probes: the command ended with 7: still loading$/);
  });

  it('takes a probe that throws for a no', async () => {
    let number = 0;
    const { answer } = await gate({
      config: port,
      services: {
        tcp_probe: async () => {
          number += 1;
          if (number === 1) throw new Error('no route yet');
          return true;
        },
      },
    });
    expect(answer.message).toBe('ready at probe 2');
  });

  it('does not wait for a probe that never answers longer than its own timeout', async () => {
    const { answer } = await gate({
      config: { ...port, timeoutMs: 150 },
      services: { tcp_probe: ({ signal }) => new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason), { once: true })) },
    });
    expect(answer).toMatchObject({ result: 'fail', code: 'not_ready' });
  });

  it('stops at once when the run is aborted', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('superseded')), 50);
    const begun = performance.now();
    await expect(
      gate({ config: { ...port, intervalMs: 10_000, timeoutMs: 60_000 }, signal: abort.signal, services: { tcp_probe: async () => false } }),
    ).rejects.toThrow();
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it.each([
    ['tcp_probe', port],
    ['exec', { command: ['true'] }],
  ])('fails where the driver offers no %s', async (service, config) => {
    const { answer } = await gate({ config });
    expect(answer).toMatchObject({ result: 'fail', code: 'probe_unavailable' });
    expect(answer.message).toContain(`offers no ${service}`);
  });

  it.each([{}, { tcp: { port: 80 }, command: ['true'] }, { tcp: { port: 0 } }, { command: [] }, { tcp: { port: 80 }, timeoutMs: 295_000 }])(
    'refuses config %j',
    (config) => {
      expect(() => checkConfig(readinessGate.manifest.configSchema, config as never)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    },
  );
});
