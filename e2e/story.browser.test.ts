import { listOf, RunSummaryView, SandboxView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserAnswers, JOURNEY_MS, OPENING_MS, Stage, stageDriver } from './browser/stage.ts';
import type { Visit } from './browser/visit.ts';

/** The main job in a real browser, from an empty database to the failing run's trace. The mouse is never used. */

const driver = await stageDriver();

describe.runIf(browserAnswers)(`the story in the dashboard, on ${driver}`, () => {
  let stage: Stage;
  let visit: Visit;

  beforeAll(async () => {
    stage = await Stage.open(driver);
    await stage.product.api.register(stage.seatPool.manifest, stage.seatPool.transport);
    visit = await stage.visit();
  }, OPENING_MS);

  afterAll(async () => {
    await stage?.close();
  }, OPENING_MS);

  it(
    'goes from an empty database to the failing run, by keyboard',
    async () => {
      const { page } = visit;
      await visit.step('sign in', async () => {
        await page.goto('/');
        await visit.signIn(stage.product.token);
        await page.getByRole('heading', { level: 1 }).waitFor();
      });

      await visit.step('look at the extensions', async () => {
        await visit.jump('Extensions');
        await page.getByRole('heading', { level: 1, name: 'Extensions' }).waitFor();
        const attribution = page.getByRole('table', { name: 'Extensions' }).getByRole('link', { name: 'attribution' });
        await visit.tabTo(attribution);
        await visit.press('Enter');
        await page.getByRole('heading', { level: 1, name: 'attribution' }).waitFor();
        await page.getByText('No extension is activated').waitFor();
      });

      await visit.step('activate one: preview, reason, confirm', async () => {
        await visit.tabTo(page.getByRole('main').getByRole('link', { name: 'Activate', exact: true }));
        await visit.press('Enter');
        await activate(visit, { order: '100', reason: 'Finance bills by workspace' });
        await effectiveOrder(visit, ['attribution 1.0.0']);
      });

      await visit.step('dry run of a sandbox, its plan by author', async () => {
        await visit.jump('Create a sandbox');
        await page.getByRole('heading', { level: 1, name: 'Create a sandbox' }).waitFor();
        await describeSandbox(visit, driver, 'code-review');
        await visit.tabTo(page.getByRole('button', { name: 'Dry run' }));
        await visit.press('Enter');
        const dryRun = page.getByRole('region', { name: 'Dry run' });
        await dryRun.getByText('Would be created').waitFor();
        const changes = dryRun.getByRole('region', { name: 'Changes in order' });
        await changes.getByRole('heading', { name: 'attribution' }).waitFor();
        await changes.getByText('/labels/attribution~1workspace').first().waitFor();
        expect((await stage.product.api.get(listOf(SandboxView), 'GET /sandboxes')).items, 'a dry run makes nothing').toEqual([]);
      });

      await visit.step('create it', async () => {
        await visit.tabTo(page.getByRole('button', { name: 'Create sandbox' }));
        await visit.press('Enter');
        await page.waitForURL(/\/runs\//);
        await page.getByRole('heading', { level: 1, name: 'Create code-review' }).waitFor();
        await page.getByRole('main').getByText('Succeeded', { exact: true }).waitFor();
      });

      await visit.step('read who changed what in its plan', async () => {
        await visit.tabTo(page.getByRole('main').getByRole('link', { name: 'Plan', exact: true }));
        await visit.press('Enter');
        await page.getByRole('heading', { level: 1, name: 'code-review' }).waitFor();
        const order = page.getByRole('region', { name: 'Changes in order' });
        await order.getByRole('heading', { name: 'attribution' }).waitFor();
        await order.getByRole('heading', { name: 'Sealed' }).waitFor();
        // One tab stop for the whole grid; the arrows find the field, Enter asks who set it.
        const fields = page.getByRole('treegrid', { name: 'Fields of the plan' });
        await visit.tabTo(fields.locator('[role="row"][tabindex="0"]'));
        const label = fields.getByRole('row', { name: 'attribution/workspace' });
        await visit.arrowTo(label);
        await visit.press('Enter');
        const blame = page.getByRole('dialog');
        await blame.getByText('Owner').waitFor();
        await blame.getByText('attribution', { exact: true }).first().waitFor();
        await visit.press('Escape');
        await blame.waitFor({ state: 'detached' });
        await visit.focused(label);
      });

      await visit.step('read its runs', async () => {
        await visit.tabTo(page.getByRole('navigation', { name: 'Parts of the sandbox' }).getByRole('link', { name: 'Runs' }), 'Shift+Tab');
        await visit.press('Enter');
        const runs = page.getByRole('grid', { name: 'Runs of code-review' });
        await visit.tabTo(runs.locator('[role="row"][tabindex="0"]'));
        await visit.press('Enter');
        await page.getByRole('heading', { level: 1, name: 'Create code-review' }).waitFor();
      });

      await visit.step('activate one that fails after it allocated', async () => {
        await visit.jump('New activation');
        await page.getByRole('dialog').waitFor();
        await visit.choose(page.getByLabel('Extension', { exact: true }), 'seat-pool');
        await activate(visit, { order: '200', reason: 'The editor needs a seat' });
        await effectiveOrder(visit, ['attribution 1.0.0', 'seat-pool 1.2.0']);
      });

      await visit.step('create again, and land on the failure', async () => {
        await visit.jump('Create a sandbox');
        await describeSandbox(visit, driver, 'refund-agent');
        await visit.tabTo(page.getByRole('button', { name: 'Create sandbox' }));
        await visit.press('Enter');
        await page.waitForURL(/\/runs\/[^/?]+\?.*attempt=/);
        await page.getByRole('heading', { level: 1, name: 'Create refund-agent' }).waitFor();
        await page.getByRole('main').getByText('Failed', { exact: true }).first().waitFor();
      });

      await visit.step('read the failing run', async () => {
        const trace = page.getByRole('treegrid', { name: 'Phases, extensions and attempts' });
        const landed = trace.locator('[role="row"][aria-selected="true"]');
        await visit.focused(landed);
        expect(await landed.textContent()).toMatch(/seat-pool[\s\S]*failed/);
        const failed = await stage.product.api.get(listOf(RunSummaryView), 'GET /runs?status=failed');
        const run = await stage.product.api.run(failed.items[0]?.id ?? '');
        expect(new URL(page.url()).searchParams.get('attempt'), 'the page lands on the attempt that failed the run').toBe(run.firstError?.attemptId);

        const banner = page.getByRole('region', { name: 'First error' });
        await banner.getByText('the seat server has no seat left').waitFor();
        await banner.getByText('Failure 1 of 2').waitFor();
        const panel = page.getByRole('complementary', { name: 'Attempt' });
        await panel.getByRole('heading', { name: 'Error' }).waitFor();
        await panel.getByText('the seat server has no seat left').waitFor();
        await panel.getByText('hook_failed').first().waitFor();
        await panel.getByText('pool_full').waitFor();
        await panel.getByText('A hook that fails changes nothing.').waitFor();

        await trace.getByText('Unwinding', { exact: true }).waitFor();
        await trace.getByText('made by seat-pool, before_create').waitFor();
        await trace.getByText('made by the driver').first().waitFor();
      });

      await visit.step('next and previous failure', async () => {
        const trace = page.getByRole('treegrid', { name: 'Phases, extensions and attempts' });
        const selected = trace.locator('[role="row"][aria-selected="true"]');
        const panel = page.getByRole('complementary', { name: 'Attempt' });
        await visit.press('n');
        await panel.getByText('the seat server is full and says so again').waitFor();
        await page.getByText('Failure 2 of 2').waitFor();
        await visit.focused(selected);
        await visit.press('Shift+N');
        await panel.getByText('the seat server has no seat left').waitFor();
        await page.getByText('Failure 1 of 2').waitFor();
        await visit.focused(selected);
      });

      await visit.step('from a release to its maker, and what an extension changed', async () => {
        const trace = page.getByRole('treegrid', { name: 'Phases, extensions and attempts' });
        const panel = page.getByRole('complementary', { name: 'Attempt' });
        await visit.arrowTo(trace.getByRole('row', { name: 'made by seat-pool, before_create' }));
        await panel.getByRole('heading', { name: 'Releases' }).waitFor();
        await visit.tabTo(panel.getByRole('button', { name: 'seat-pool in before_create' }));
        await visit.press('Enter');
        await panel.getByText('before_create').first().waitFor();
        await panel.getByRole('heading', { name: 'Effects' }).waitFor();

        await visit.tabTo(trace.locator('[role="row"][tabindex="0"]'), 'Shift+Tab');
        await visit.arrowTo(trace.getByRole('row', { name: 'attribution' }).first(), 'ArrowUp');
        await panel.getByRole('heading', { name: 'Plan change' }).waitFor();
        await panel.getByText('/labels/attribution~1workspace').first().waitFor();
      });

      expect(stage.seatPool.held(), 'what was allocated is given back').toEqual([]);
      expect(stage.faults).toEqual([]);
    },
    JOURNEY_MS,
  );

  it(
    'opens the address of an attempt in a fresh session, after sign-in',
    async () => {
      const { items } = await stage.product.api.get(listOf(RunSummaryView), 'GET /runs?status=failed');
      const run = await stage.product.api.run(items[0]?.id ?? '');
      // Not the attempt on which the page would land by itself: a release.
      const release = run.attempts.find(({ kind, extension }) => kind === 'release' && extension === 'seat-pool');
      const fresh = await stage.visit();
      const address = `/runs/${run.id}?attempt=${release?.id}`;
      await fresh.page.goto(address);
      await fresh.signIn(stage.product.token);
      const panel = fresh.page.getByRole('complementary', { name: 'Attempt' });
      await panel.getByText(release?.id ?? 'no release').waitFor();
      const { pathname, searchParams } = new URL(fresh.page.url());
      expect(pathname).toBe(`/runs/${run.id}`);
      expect(searchParams.get('attempt')).toBe(release?.id);
      await fresh.focused(fresh.page.locator('[role="row"][aria-selected="true"]'));
      expect(stage.faults).toEqual([]);
    },
    JOURNEY_MS,
  );
});

/** From the open form of a new activation to its row in the table. */
async function activate(visit: Visit, { order, reason }: { order: string; reason: string }): Promise<void> {
  const dialog = visit.page.getByRole('dialog');
  await dialog.getByRole('heading', { name: 'New activation' }).waitFor();
  await visit.fill(dialog.getByLabel('Order', { exact: true }), order);
  await visit.tabTo(dialog.getByRole('button', { name: 'Preview change' }));
  await visit.press('Enter');
  await dialog.getByText(/^Previewed at/).waitFor();
  const confirm = dialog.getByRole('button', { name: 'Enforce for new sandboxes' });
  expect(await confirm.getAttribute('title'), 'no reason, no change').toBe('Say why first: the reason goes to the audit record.');
  const why = dialog.getByLabel('Reason', { exact: true });
  await visit.focused(why);
  await visit.page.keyboard.type(reason);
  const accept = dialog.getByRole('checkbox', { name: /would have failed/ });
  if ((await accept.count()) > 0) {
    await visit.tabTo(accept);
    await visit.press('Space');
  }
  await visit.tabTo(confirm);
  await visit.press('Enter');
  await dialog.waitFor({ state: 'detached' });
}

async function effectiveOrder(visit: Visit, expected: readonly string[]): Promise<void> {
  const rows = visit.page.getByRole('table', { name: 'Activations in effective order' }).locator('tbody tr');
  await rows.filter({ hasText: expected.at(-1) ?? '' }).waitFor();
  const names = await rows.locator('th').allInnerTexts();
  expect(names.map((name) => name.replaceAll(/\s+/g, ' ').trim())).toEqual(expected);
}

async function describeSandbox(visit: Visit, driver: string, name: string): Promise<void> {
  const form = visit.page.getByRole('form', { name: 'Create a sandbox' });
  await visit.fill(form.getByLabel('Name', { exact: true }), name);
  await visit.choose(form.getByLabel('Driver', { exact: true }), driver);
  if (driver === 'docker') await visit.fill(form.getByLabel('Image', { exact: true }), 'busybox:1');
  await visit.fill(form.getByLabel('Command', { exact: true }), 'sleep 3600');
}
