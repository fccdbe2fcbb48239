import { HOOK_RESULTS, LIMITS, OPERATIONS, PHASE_NAMES } from '@tenon/vocabulary';
import { z } from 'zod';
import { JsonAny, JsonMembers } from '../primitives.ts';

/** The hook call of an extension out of process: `POST /v1/hook`. */

const environment = z.record(z.string(), z.union([z.string(), z.strictObject({ $secret: z.string() })]));
const resources = z.object({
  cpuRequest: z.string().exactOptional(),
  cpuLimit: z.string().exactOptional(),
  memoryRequest: z.string().exactOptional(),
  memoryLimit: z.string().exactOptional(),
});

export const WireSandbox = z.object({ id: z.string(), name: z.string(), workspace: z.string() });

/** What the engine sends. Fields may be added: an extension ignores those that it does not know. */
export const WireHookRequest = z
  .object({
    contract: z.string(),
    phase: z.enum(PHASE_NAMES),
    extension: z.string(),
    revision: z.string(),
    run: z.object({
      id: z.string(),
      operation: z.enum(OPERATIONS),
      attempt: z.int().min(1),
      idempotencyKey: z.string().meta({ description: 'The same for every attempt of one phase of one extension in one run, and for its releases.' }),
      deadline: z.string().meta({ description: 'ISO 8601 UTC.' }),
    }),
    sandbox: WireSandbox,
    driver: z.object({ name: z.string(), chain: z.array(z.string()), features: z.array(z.string()) }),
    actor: z.object({ kind: z.enum(['token', 'session', 'gateway', 'worker']), name: z.string(), role: z.enum(['viewer', 'operator', 'admin']) }),
    requestId: z.string(),
    template: z.object({
      image: z.string().nullable(),
      labels: z.record(z.string(), z.string()),
      environment,
      resources,
      driverConfig: z.record(z.string(), JsonMembers),
      platformConfig: JsonMembers,
    }),
    resources,
    gpu: z.object({ count: z.number() }).nullable(),
    command: z.array(z.string()),
    claims: z.object({ tenant: z.string().exactOptional(), user: z.string().exactOptional(), policy: z.string().exactOptional() }),
    config: JsonMembers,
    requestConfig: JsonMembers,
    state: JsonMembers.nullable(),
    plan: z.object({
      driver: z.string(),
      revision: z.int(),
      value: JsonAny,
      open: z.array(z.object({ point: z.string(), path: z.string() })).meta({ description: 'What this hook may change now. Empty: the plan is to read.' }),
    }),
    shadow: z.boolean(),
    dryRun: z.boolean(),
    failure: z.object({ code: z.string(), message: z.string() }).nullable().meta({ description: 'In phases that are told of a failure: which one.' }),
  })
  .meta({ id: 'HookRequest' });
export type WireHookRequest = z.output<typeof WireHookRequest>;

const prose = z.string().max(65_536);

export const WireEffect = z.strictObject({
  kind: z.string().min(1).max(256),
  key: z.string().min(1).max(512),
  handle: JsonAny.default(null),
  scope: z.enum(['start', 'sandbox']).nullable().default(null),
});

/** What a hook answers. Only `result` is required; `idempotencyKey` and `attempt`, where present, echo the call. */
export const WireHookAnswer = z
  .strictObject({
    result: z.enum(HOOK_RESULTS),
    idempotencyKey: z.string().nullish(),
    attempt: z.int().nullish(),
    code: z.string().max(128).nullable().default(null).meta({ description: "The extension's own word for why, e.g. quota_exceeded." }),
    message: prose.nullable().default(null),
    resourceExhausted: z.boolean().default(false),
    retryAfterMs: z.int().min(0).nullable().default(null).meta({ description: 'With fail: try again after this time.' }),
    patches: z
      .array(JsonMembers)
      .default([])
      .meta({ description: `RFC 6902 operations against plan.value, ${LIMITS.patchesPerAttempt} at most.` }),
    effects: z.array(WireEffect).max(512).default([]),
    state: JsonMembers.nullable().default(null).meta({ description: 'Absent: as it was. Present: replaces it whole.' }),
    warnings: z.array(prose).max(64).default([]),
    logs: z
      .array(
        z.strictObject({ at: z.iso.datetime({ offset: true }).nullable().default(null), level: z.string().min(1).max(32).default('info'), message: prose }),
      )
      .max(4096)
      .default([]),
  })
  .meta({ id: 'HookAnswer' });
export type WireHookAnswer = z.output<typeof WireHookAnswer>;
