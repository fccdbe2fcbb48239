import { DRIVER_KINDS, LIMITS } from '@tenon/vocabulary';
import { z } from 'zod';

/** Drivers that this version can run. */
const LOADABLE = ['process', 'docker'] as const;
export type LoadableDriver = (typeof LOADABLE)[number];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const DriverList = z
  .array(
    z.enum(LOADABLE, {
      error: (issue) => {
        const later = (DRIVER_KINDS as readonly unknown[]).includes(issue.input) ? ' (others come with later versions)' : '';
        return `\`${String(issue.input)}\` must be one of ${LOADABLE.join(', ')}${later}`;
      },
    }),
  )
  .min(1, 'must name at least one driver; leave it out for those that this machine has');

const text = z.string().min(1);
const url = (schemes: readonly string[]) =>
  text.refine((value) => URL.canParse(value) && schemes.includes(new URL(value).protocol), `must be a URL with ${schemes.join(' or ')}//`);
const millis = z.number().int().min(1).max(3_600_000);
const days = z.number().min(1, 'must be at least 1 day').max(3650);

const limitOf = (name: keyof typeof LIMITS) =>
  z
    .number({ error: `must be a number (default ${LIMITS[name]})` })
    .positive()
    .optional();
const Limits = z.strictObject(Object.fromEntries(Object.keys(LIMITS).map((name) => [name, limitOf(name as keyof typeof LIMITS)])));

/** An extension as `defineExtension` gives it; its manifest is judged by the registry. */
const InProcessExtension = z.custom<object>(
  (value) => typeof value === 'object' && value !== null && 'manifest' in value && 'hooks' in value && 'effects' in value,
  'must be what defineExtension() answers',
);

/** The configuration file: every key optional, unknown ones refused. Environment variables win over it. */
export const FileSettings = z.strictObject({
  host: text.optional(),
  port: z.number().int().min(0).max(65_535).optional(),
  dataDir: text.optional(),
  databaseUrl: url(['postgres:', 'postgresql:']).optional(),
  publicUrl: url(['http:', 'https:']).optional(),
  logLevel: z.enum(LOG_LEVELS).optional(),
  drivers: DriverList.optional(),
  /** What only the operator may open or choose for the docker driver. */
  docker: z
    .strictObject({
      /** As DOCKER_HOST: unix:///path or tcp://host:port. */
      host: text.optional(),
      /** Value of the label `openshell.ai/sandbox-namespace`. */
      namespace: text.optional(),
      /** Whether host directories may be mounted. */
      enableBindMounts: z.boolean().optional(),
      /** No mount may cover it. */
      workspaceRoot: text.optional(),
      /** Capabilities that a plan may add beside Docker's own set. */
      allowedCapabilities: z.array(text).optional(),
      /** Whether an image that is not there is pulled. */
      pullMissing: z.boolean().optional(),
      stopGraceMs: millis.optional(),
      requestTimeoutMs: millis.optional(),
    })
    .optional(),
  process: z
    .strictObject({
      /** Whom sandboxes run as where Tenon is root. */
      runAs: z.strictObject({ uid: z.number().int().min(1), gid: z.number().int().min(1) }).optional(),
      stopGraceMs: millis.optional(),
      logCapBytes: z.number().int().min(4096).optional(),
    })
    .optional(),
  /** Extensions of your own that run in this process; only a TypeScript file can hold them. */
  extensions: z.array(InProcessExtension).optional(),
  /** Where extensions out of process may be; replaces the default, so repeat `loopback` to keep it. */
  allowedTargets: z.array(text).optional(),
  /** Environment names whose values are secrets, as a regular expression, case-folded. */
  secretPattern: text
    .refine((pattern) => {
      try {
        return new RegExp(pattern, 'i') instanceof RegExp;
      } catch {
        return false;
      }
    }, 'must be a regular expression')
    .optional(),
  limits: Limits.optional(),
  retention: z.strictObject({ tracesDays: days.optional(), eventsHours: z.number().min(1).max(8760).optional() }).optional(),
});
export type FileSettings = z.infer<typeof FileSettings>;

const fromText = <T extends z.ZodType>(read: (value: string) => unknown, schema: T) => z.preprocess((value: string) => read(value), schema);
const wholeNumber = (value: string): unknown => (/^\d+$/.test(value) ? Number(value) : value);
const list = (value: string): string[] => value.split(',').map((part) => part.trim());

/** The environment variables that Tenon reads; all others are none of its business. Empty means unset. */
export const EnvironmentSettings = z.object({
  TENON_HOST: text.optional(),
  TENON_PORT: fromText(wholeNumber, z.number({ error: 'must be a port number from 0 to 65535' }).int().min(0).max(65_535)).optional(),
  TENON_DATA_DIR: text.optional(),
  DATABASE_URL: url(['postgres:', 'postgresql:']).optional(),
  TENON_BOOTSTRAP_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,512}$/, 'must be 16 to 512 visible ASCII characters')
    .optional(),
  TENON_ENCRYPTION_KEY: text.optional(),
  TENON_PUBLIC_URL: url(['http:', 'https:']).optional(),
  TENON_CONFIG: text.optional(),
  TENON_DRIVERS: fromText(list, DriverList).optional(),
  DOCKER_HOST: text.optional(),
  TENON_WEB: z.enum(['on', 'off']).optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(['http:', 'https:']).optional(),
  TENON_LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).optional(),
});
export type EnvironmentSettings = z.infer<typeof EnvironmentSettings>;

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };
type DockerChoices = Given<Omit<NonNullable<FileSettings['docker']>, 'host'>>;
type ProcessChoices = Given<NonNullable<FileSettings['process']>>;

/** Everything settled. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly databaseUrl: string | null;
  readonly bootstrapToken: string | null;
  readonly encryptionKey: string | null;
  readonly publicUrl: string | null;
  readonly logLevel: string;
  /** Null: those that this machine has. */
  readonly drivers: readonly LoadableDriver[] | null;
  readonly dockerHost: string | null;
  readonly docker: DockerChoices;
  readonly process: ProcessChoices;
  readonly extensions: readonly object[];
  readonly allowedTargets: readonly string[] | null;
  readonly secretPattern: RegExp | null;
  readonly limits: Readonly<Partial<Record<keyof typeof LIMITS, number>>>;
  readonly retention: { readonly tracesMs: number; readonly eventsMs: number };
  readonly web: boolean;
  readonly otlpEndpoint: string | null;
}
