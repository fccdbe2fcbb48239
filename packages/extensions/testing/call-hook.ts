import {
  type Claims,
  type DriverServices,
  type Extension,
  type HookAnswer,
  inProcessTransport,
  type Json,
  type JsonObject,
  type LeasesApi,
  type PlanSchema,
  type SandboxResources,
  type SharedApi,
  TenonError,
} from '@tenon/lifecycle';
import type { Phase } from '@tenon/vocabulary';

/** What a test says about one hook call; everything else is ordinary. */
export interface TestCall {
  readonly phase: Phase;
  readonly config: JsonObject;
  readonly requestConfig?: JsonObject;
  readonly claims?: Claims;
  readonly workspace?: string;
  readonly resources?: SandboxResources;
  readonly gpus?: number;
  readonly plan?: Json;
  readonly open?: readonly { readonly point: string; readonly path: string }[];
  readonly services?: Partial<DriverServices>;
  readonly shared?: SharedApi;
  readonly leases?: LeasesApi;
  readonly signal?: AbortSignal;
  readonly driver?: string;
}

const schema: PlanSchema = { kind: 'docker', lists: [], points: [], reserved: [], secrets: [], neutral: {} };
const unused = async (): Promise<never> => {
  throw new TenonError('internal', 'this test gave no such door');
};

/** Calls a hook through the transport that the engine uses, membrane around the plan included; answers what the hook said and the plan after it. */
export async function callHook(extension: Extension, call: TestCall): Promise<{ readonly answer: HookAnswer; readonly plan: Json }> {
  const { manifest } = extension;
  const transport = inProcessTransport([extension]);
  const client = transport.open(
    {
      extension: manifest.name,
      revision: manifest.revision,
      manifest,
      transport: { kind: 'in_process', url: null, secretId: null, signedAnswers: false },
      createdAt: 0,
    },
    null,
  );
  if (!client) throw new Error(`${manifest.name} did not open`);
  const driver = call.driver ?? 'docker';
  const resources = call.resources ?? {};
  const plan = call.plan ?? {};
  const answer = await client.hook({
    input: {
      phase: call.phase,
      extension: manifest.name,
      revision: manifest.revision,
      run: { id: 'run-1', operation: 'create', attempt: 1, idempotencyKey: 'key-1', deadline: '2026-11-24T12:00:00.000Z' },
      sandbox: { id: 'sandbox-1', name: 'demo', workspace: call.workspace ?? 'team-a' },
      driver: { name: driver, chain: [driver], features: [] },
      actor: { kind: 'token', name: 'tester', role: 'operator' },
      requestId: 'request-1',
      template: { image: 'busybox:1', labels: {}, environment: {}, resources, driverConfig: {}, platformConfig: {} },
      resources,
      gpu: call.gpus === undefined ? null : { count: call.gpus },
      command: ['sleep', '60'],
      claims: call.claims ?? {},
      config: call.config,
      requestConfig: call.requestConfig ?? {},
      state: null,
      shadow: false,
      dryRun: false,
      failure: null,
    },
    plan: { driver, revision: 0, value: plan, open: call.open ?? [], schema },
    deadlineMs: 10_000,
    signal: () => call.signal ?? new AbortController().signal,
    traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
    doors: { effects: { ensure: unused }, shared: call.shared ?? { ensure: unused }, leases: call.leases ?? { acquire: unused } },
    services: call.services ?? {},
  });
  return { answer, plan: answer.edit?.kind === 'value' ? (answer.edit.value as Json) : plan };
}
