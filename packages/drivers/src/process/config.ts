import { z } from 'zod';

/** What the operator gives. */
export interface ProcessDriverOptions {
  /** Tenon's data directory; sandboxes live under `process/` in it. */
  readonly dataDir: string;
  /** This installation's id: only its own sandboxes are ever touched. */
  readonly installation: string;
  /** Name that requests use; default `process`. */
  readonly name?: string;
  /** Whom sandboxes run as where Tenon is root; default 65534:65534 (nobody). Elsewhere they run as Tenon does. */
  readonly runAs?: { readonly uid: number; readonly gid: number };
  /** How long a command has between SIGTERM and SIGKILL, ms; default 10 s. */
  readonly stopGraceMs?: number;
  /** Size at which a log is cut down to its last half, bytes; default 4 MiB. */
  readonly logCapBytes?: number;
  /** How often workloads are looked at for the watch, ms; default 1 s. */
  readonly pollMs?: number;
}

export interface ProcessSettings {
  readonly dataDir: string;
  readonly installation: string;
  readonly name: string;
  readonly runAs: { readonly uid: number; readonly gid: number } | null;
  readonly stopGraceMs: number;
  readonly logCapBytes: number;
  readonly pollMs: number;
}

export function processSettings(options: ProcessDriverOptions): ProcessSettings {
  return {
    dataDir: options.dataDir,
    installation: options.installation,
    name: options.name ?? 'process',
    runAs: process.getuid?.() === 0 ? (options.runAs ?? { uid: 65_534, gid: 65_534 }) : null,
    stopGraceMs: options.stopGraceMs ?? 10_000,
    logCapBytes: options.logCapBytes ?? 4 * 2 ** 20,
    pollMs: options.pollMs ?? 1_000,
  };
}

const secretOrText = z.union([z.string(), z.strictObject({ $secret: z.string() })], { error: 'must be text' });

/** The `driverConfig` block of a request: snake_case and strict, as every driver's. */
export const processConfig = z.strictObject({
  /** Working directory inside the sandbox's directory; default its root. */
  cwd: z.string().optional(),
  files: z.array(z.strictObject({ path: z.string(), contents: secretOrText, mode: z.string().optional() })).optional(),
  limits: z.strictObject({ nofile: z.int().optional(), cpu_seconds: z.int().optional() }).optional(),
});
