import type { DryRunView, SandboxCreateBody } from '@tenon/contract';
import { type IncomingRequest, TenonError, toTenonError } from '@tenon/lifecycle';
import { type Call, callerOf, type Deps } from '../context.ts';
import { defined } from '../defined.ts';
import { act, allow } from '../policy/act.ts';
import { presentPlan } from '../present/plan.ts';
import { type FollowedRun, followRun, type Waiting } from './follow-run.ts';
import { viewRun } from './read-runs.ts';

/** Opens the create of a sandbox; with a wait, follows it to its end. */
export async function createSandbox(deps: Deps, call: Call, body: SandboxCreateBody, waiting: Waiting): Promise<FollowedRun> {
  const opened = await act(
    deps,
    call,
    {
      action: 'sandbox.create',
      object: { kind: 'sandbox', name: body.name },
      target: { workspace: body.workspace },
      after: ({ sandbox }) => ({ id: sandbox.id, name: sandbox.name, workspace: sandbox.workspace, driver: sandbox.driver }),
      runs: ({ run }) => [run],
    },
    () => pointed(deps.engine.createSandbox(incoming(deps, body), callerOf(call))),
  );
  return followRun(deps, call, opened, waiting);
}

/** What a create would do: validate_request and prepare_plan only, nothing exists afterwards. A failed run is answered, not thrown. */
export async function dryRunSandbox(deps: Deps, call: Call, body: SandboxCreateBody): Promise<DryRunView> {
  await allow(deps, call, 'sandbox.dry_run', { kind: 'sandbox', name: body.name }, { workspace: body.workspace });
  const { plan, run } = await pointed(deps.engine.dryRun(incoming(deps, body), callerOf(call)));
  return { plan: plan === null ? null : presentPlan(plan), run: await viewRun(deps, run) };
}

function incoming(deps: Deps, body: SandboxCreateBody): IncomingRequest {
  const image = body.template.image ?? null;
  const driver = deps.engine.driver(body.driver);
  if (image === null && driver !== null && driver.kinds.at(-1) !== 'process') {
    throw new TenonError('validation_failed', `the driver ${body.driver} needs an image, and the template names none`, {
      pointer: '/template/image',
      hint: 'Name the image that the sandbox runs.',
    });
  }
  const { cpuRequest, cpuLimit, memoryRequest, memoryLimit } = body.template.resources;
  return {
    name: body.name,
    workspace: body.workspace,
    driver: body.driver,
    template: {
      image,
      labels: body.template.labels,
      environment: body.template.environment,
      resources: defined({ cpuRequest, cpuLimit, memoryRequest, memoryLimit }),
      driverConfig: body.template.driverConfig,
      platformConfig: body.template.platformConfig,
    },
    command: body.command,
    environment: body.environment,
    gpu: body.gpu,
    tty: body.tty,
    claims: body.claims === null ? null : defined(body.claims),
    extensionConfig: body.extensionConfig,
  };
}

/** Refusals of the whole request say which field they are about, where the engine's words leave it open. */
async function pointed<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    const error = toTenonError(thrown);
    const pointer = error.code === 'driver_unknown' ? '/driver' : error.code === 'sandbox_exists' ? '/name' : null;
    throw pointer === null ? error : error.within({ pointer });
  }
}
