import { setTimeout as sleep } from 'node:timers/promises';
import { defineExtension, type HookContext, type HookReply, type Json, messageOf } from '@tenon/lifecycle';

/** The hook's deadline, ms. A gate waits 10 s less at most, so that it answers what it saw instead of being cut. */
const DEADLINE_MS = 300_000;
const TIMEOUT_MAX_MS = DEADLINE_MS - 10_000;
const LAST_PROBE_MS = 200;

interface GateConfig {
  readonly tcp?: { readonly port: number };
  readonly command?: readonly string[];
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/** One question to the workload: null is yes, a line is what was seen instead. */
type Probe = (signal: AbortSignal) => Promise<string | null>;

/**
 * Holds a sandbox back from ready until a TCP port of it accepts or a command in it succeeds. Whether a sandbox that never does
 * is warned about or failed is the activation's failurePolicy for after_ready.
 */
export const readinessGate = defineExtension<Json>({
  name: 'readiness-gate',
  revision: '1.0.0',
  description: 'Waits until a TCP port of the sandbox accepts or a command in it succeeds.',
  activation: { mode: 'global' },
  configSchema: {
    type: 'object',
    additionalProperties: false,
    oneOf: [{ required: ['tcp'] }, { required: ['command'] }],
    properties: {
      tcp: {
        description: 'The port that must accept a connection.',
        type: 'object',
        required: ['port'],
        additionalProperties: false,
        properties: { port: { type: 'integer', minimum: 1, maximum: 65_535 } },
      },
      command: { description: 'The command that must exit with 0 inside the sandbox.', type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 64 },
      timeoutMs: { description: 'How long to wait in all. Default 30000.', type: 'integer', minimum: 100, maximum: TIMEOUT_MAX_MS, default: 30_000 },
      intervalMs: { description: 'Pause between two probes. Default 500.', type: 'integer', minimum: 20, maximum: 60_000, default: 500 },
    },
  },
  dryRunSafe: true,
  shadowSafe: true,
  cleansUp: '^1',
  hooks: {
    // Not required: a driver without probes is told in the trace, and a gate that only warns must not refuse its sandboxes.
    after_ready: { required: false, deadlineMs: DEADLINE_MS, optionalFeatures: ['tcp_probe', 'exec'], run: wait },
  },
});

async function wait(ctx: HookContext): Promise<HookReply> {
  const config = ctx.config as unknown as GateConfig;
  const probe = probeOf(ctx, config);
  if (probe === null) {
    const service = config.tcp ? 'tcp_probe' : 'exec';
    return {
      result: 'fail',
      code: 'probe_unavailable',
      message: `driver ${ctx.driver.name} offers no ${service}, which this gate needs: scope the activation to drivers that do`,
    };
  }
  const { timeoutMs = 30_000, intervalMs = 500 } = config;
  const until = performance.now() + timeoutMs;
  for (let number = 1; ; number += 1) {
    // The last probe comes when the time is up, and gets a moment all the same.
    const seen = await ask(probe, ctx.signal, Math.max(LAST_PROBE_MS, Math.ceil(until - performance.now())));
    if (seen === null) return { message: `ready at probe ${number}` };
    const left = until - performance.now();
    if (left <= 0) return { result: 'fail', code: 'not_ready', message: `not ready after ${timeoutMs} ms and ${number} probes: ${seen}` };
    await sleep(Math.min(intervalMs, left), undefined, { signal: ctx.signal });
  }
}

function probeOf(ctx: HookContext, { tcp, command }: GateConfig): Probe | null {
  const { services, sandbox } = ctx;
  if (tcp) {
    const { tcp_probe } = services;
    return tcp_probe ? async (signal) => ((await tcp_probe({ sandbox, port: tcp.port, signal })) ? null : `port ${tcp.port} does not accept`) : null;
  }
  const { exec } = services;
  if (!exec || !command) return null;
  return async (signal) => {
    const { exitCode, output } = await exec({ sandbox, command, signal });
    return exitCode === 0 ? null : `the command ended with ${exitCode}: ${lastLine(output)}`;
  };
}

/** A probe that fails or does not answer in `patience` ms is a no, with its message; only the end of the hook itself is thrown. */
async function ask(probe: Probe, signal: AbortSignal, patience: number): Promise<string | null> {
  const late = AbortSignal.timeout(patience);
  try {
    return await probe(AbortSignal.any([signal, late]));
  } catch (thrown) {
    signal.throwIfAborted();
    return late.aborted ? `the last probe did not answer within ${patience} ms` : messageOf(thrown);
  }
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.slice(0, 200) || 'it wrote nothing';
}
