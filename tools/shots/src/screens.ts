import { listOf, RunSummaryView, SandboxView } from '@tenon/contract';
import type { BrowserContext } from 'playwright-core';
import type { z } from 'zod';

/** One screen of the product, as it is photographed. */
export interface Screen {
  readonly name: string;
  readonly path: string;
  /** What has to be on it before it is worth a picture. */
  readonly shows: string;
}

/** The sandboxes of the demo that the pictures are of. */
const ROLLED_BACK = 'reports';
const PLANNED = 'citation-graph';

/** The screens that tell the demo's story. Refuses where the demo has not been there. */
export async function screensOf(context: BrowserContext): Promise<readonly Screen[]> {
  const failed = (await read(context, '/runs?status=failed&operation=create&limit=200', listOf(RunSummaryView))).items;
  const run = failed.find(({ sandboxName }) => sandboxName === ROLLED_BACK);
  const sandboxes = (await read(context, '/sandboxes?limit=200', listOf(SandboxView))).items;
  const planned = sandboxes.find(({ name }) => name === PLANNED);
  if (run === undefined || planned === undefined) {
    throw new Error(
      `there is no ${run === undefined ? `failed run of ${ROLLED_BACK}` : `sandbox ${PLANNED}`} here: run \`npm run demo\` first, and leave it running`,
    );
  }
  return [
    { name: 'overview', path: '/', shows: 'Failing' },
    { name: 'failures', path: '/failures', shows: ROLLED_BACK },
    { name: 'run', path: `/runs/${run.id}`, shows: 'Unwinding' },
    { name: 'plan', path: `/sandboxes/${planned.id}?tab=plan`, shows: 'Sealed' },
    { name: 'plan-raw', path: `/sandboxes/${planned.id}?tab=plan&view=raw`, shows: 'r0' },
    { name: 'sandboxes', path: '/sandboxes', shows: PLANNED },
    { name: 'extensions', path: '/extensions', shows: 'licence-pool' },
    { name: 'activations', path: '/activations', shows: 'licence-pool' },
    { name: 'drivers', path: '/drivers', shows: 'attribution' },
    { name: 'effects', path: '/effects', shows: 'licence' },
    { name: 'audit', path: '/audit', shows: 'activation' },
  ];
}

async function read<T extends z.ZodType>(context: BrowserContext, path: string, view: T): Promise<z.output<T>> {
  const answer = await context.request.get(`/api/v1${path}`);
  if (!answer.ok()) throw new Error(`GET ${path} answered ${answer.status()}: ${await answer.text()}`);
  return view.parse(await answer.json());
}
