import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { createJiti } from 'jiti';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { defined } from '../defined.ts';
import { EnvironmentSettings, FileSettings, type Settings } from './settings.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const CANDIDATES = ['tenon.config.ts', 'tenon.config.mts', 'tenon.config.js', 'tenon.config.mjs', 'tenon.config.yaml', 'tenon.config.yml'];

/** A configuration that cannot be used: every line names the key, the value and what is expected. */
export class SettingsError extends Error {
  constructor(source: string, lines: readonly string[]) {
    super(`${source} cannot be used:\n${lines.map((line) => `  - ${line}`).join('\n')}`);
    this.name = 'SettingsError';
  }
}

/** Reads the environment and, where there is one, the configuration file in `directory`. @throws SettingsError */
export async function loadSettings(environment: Readonly<Record<string, string | undefined>>, directory: string): Promise<Settings> {
  const known = Object.keys(EnvironmentSettings.shape);
  const given = Object.fromEntries(known.flatMap((name) => (environment[name] ? [[name, environment[name]]] : [])));
  const env = judge(EnvironmentSettings, given, 'the environment');
  const file = await readFileSettings(env.TENON_CONFIG, directory);
  const { host: dockerHost, ...docker } = file.docker ?? {};
  return {
    host: env.TENON_HOST ?? file.host ?? '127.0.0.1',
    port: env.TENON_PORT ?? file.port ?? 7333,
    dataDir: resolve(directory, env.TENON_DATA_DIR ?? file.dataDir ?? '.tenon'),
    databaseUrl: env.DATABASE_URL ?? file.databaseUrl ?? null,
    bootstrapToken: env.TENON_BOOTSTRAP_TOKEN ?? null,
    encryptionKey: env.TENON_ENCRYPTION_KEY ?? null,
    publicUrl: env.TENON_PUBLIC_URL ?? file.publicUrl ?? null,
    logLevel: env.TENON_LOG_LEVEL ?? file.logLevel ?? 'info',
    drivers: env.TENON_DRIVERS ?? file.drivers ?? null,
    dockerHost: env.DOCKER_HOST ?? dockerHost ?? null,
    docker: defined(docker),
    process: defined(file.process ?? {}),
    extensions: file.extensions ?? [],
    allowedTargets: file.allowedTargets ?? null,
    secretPattern: file.secretPattern === undefined ? null : new RegExp(file.secretPattern, 'i'),
    limits: defined(file.limits ?? {}),
    retention: { tracesMs: (file.retention?.tracesDays ?? 30) * DAY_MS, eventsMs: (file.retention?.eventsHours ?? 24) * HOUR_MS },
    web: env.TENON_WEB !== 'off',
    otlpEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
  };
}

async function readFileSettings(named: string | undefined, directory: string): Promise<FileSettings> {
  const path = named === undefined ? CANDIDATES.map((name) => resolve(directory, name)).find((name) => existsSync(name)) : resolve(directory, named);
  if (path === undefined) return {};
  if (!existsSync(path)) throw new SettingsError('the environment', [`TENON_CONFIG names ${path}, and there is no such file`]);
  let value: unknown;
  try {
    const yaml = ['.yaml', '.yml'].includes(extname(path));
    value = yaml ? (parseYaml(await readFile(path, 'utf8')) ?? {}) : await createJiti(import.meta.url).import(path, { default: true });
  } catch (error) {
    throw new SettingsError(path, [error instanceof Error ? error.message : String(error)]);
  }
  return judge(FileSettings, value, path);
}

function judge<T extends z.ZodType>(schema: T, value: unknown, source: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new SettingsError(
    source,
    result.error.issues.flatMap((issue) => {
      const key = issue.path.map(String).join('.');
      if (issue.code === 'unrecognized_keys')
        return issue.keys.map((name) => `${key === '' ? name : `${key}.${name}`} is not a setting; correct the spelling or leave it out`);
      return [`${key || 'the whole'} is ${shown(value, issue.path)}: ${issue.message}`];
    }),
  );
}

/** The value as written, unless its name says that it is a secret. */
function shown(value: unknown, path: readonly PropertyKey[]): string {
  if (path.some((part) => /token|key|secret|password|DATABASE_URL|databaseUrl/i.test(String(part)))) return 'set (not shown)';
  const found = path.reduce<unknown>((at, part) => (typeof at === 'object' && at !== null ? Reflect.get(at, part) : undefined), value);
  return found === undefined ? 'not set' : (JSON.stringify(found)?.slice(0, 120) ?? typeof found);
}
