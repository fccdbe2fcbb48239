import type { ActivationPreview, Caller } from '../engine.ts';
import { TenonError, toTenonError } from '../errors.ts';
import { newId } from '../ids.ts';
import type { Json } from '../json.ts';
import { diffPlan } from '../plan/diff.ts';
import type { AuthoredChange, PlanRevision } from '../plan/plan.ts';
import { isUnder } from '../plan/pointer.ts';
import type { Driver } from '../ports/driver.ts';
import type { Visible } from '../ports/store.ts';
import type { ActivationRow, Claims, SandboxRequest } from '../records.ts';
import { missingFor, notForDriver, runsOn } from '../registry/capabilities.ts';
import type { Decider } from './decide.ts';
import type { EngineDeps } from './deps.ts';
import { NullJournal } from './journal.ts';
import { inLanes } from './lanes.ts';
import { newRun } from './open-run.ts';
import { runPhase } from './phases.ts';
import { Session } from './session.ts';
import { planRequest, seal } from './steps.ts';

interface Replayed {
  readonly plan: Json | null;
  readonly revisions: readonly PlanRevision[];
  readonly error: TenonError | null;
}

const SAMPLES = 10;
/** How many holders are looked through for a caller who may see only some. */
const HOLDERS = 1_000;

/**
 * What a change of activations would do, before anyone makes it: the newest recorded requests in scope are replayed through the same
 * engine with today's activations and with the candidate's. Effects are refused, no breaker counts, nothing is written.
 */
export async function previewChange(
  deps: EngineDeps,
  decider: Decider,
  caller: Caller,
  change: { readonly subject: ActivationRow; readonly candidate: readonly ActivationRow[]; readonly today: readonly ActivationRow[] },
): Promise<ActivationPreview> {
  const { subject } = change;
  const until = deps.clock.monotonic() + deps.limits.previewBudgetMs;
  const recorded = await deps.store.recentRequests(subject.scope, deps.limits.previewRequests);
  const results: { index: number; sample: ActivationPreview['requests']['samples'][number]; differs: boolean; verdict: 'conflict' | 'refused' | null }[] = [];
  let truncated = false;
  await inLanes(recorded, deps.limits.previewConcurrency, async (each, index) => {
    if (deps.clock.monotonic() >= until) {
      truncated = true;
      return;
    }
    const actor = (await deps.store.getRun(each.runId))?.actor ?? caller.actor;
    const facts = {
      request: each.request,
      claims: each.record.claims,
      claimsSource: each.record.claimsSource,
      caller: { ...caller, actor, role: actor.role },
    };
    const [before, after] = [
      await replay(deps, decider, { ...facts, activations: change.today }),
      await replay(deps, decider, { ...facts, activations: change.candidate }),
    ];
    const changes = compare(deps, each.request, before, after);
    const newError = after.error !== null && after.error.code !== before.error?.code ? after.error : null;
    results.push({
      index,
      differs: changes.length > 0,
      verdict: newError === null ? null : newError.code === 'field_conflict' ? 'conflict' : 'refused',
      sample: {
        sandboxName: each.request.name,
        runId: each.runId,
        changes,
        error: after.error === null ? null : { code: after.error.code, message: after.error.message },
      },
    });
  });
  results.sort((a, b) => a.index - b.index);
  // Failures first: that is what somebody about to confirm must see.
  const samples = [...results.filter((each) => each.verdict !== null), ...results.filter((each) => each.verdict === null && each.differs)]
    .slice(0, SAMPLES)
    .map((each) => each.sample);
  return {
    drivers: await drivers(deps, subject),
    requests: {
      replayed: results.length,
      changed: results.filter((each) => each.differs).length,
      conflicts: results.filter((each) => each.verdict === 'conflict').length,
      refused: results.filter((each) => each.verdict === 'refused').length,
      truncated,
      samples,
    },
    live: await live(deps, subject.extension, caller.workspaces ?? null),
  };
}

async function replay(
  deps: EngineDeps,
  decider: Decider,
  facts: { request: SandboxRequest; claims: Claims; claimsSource: string; caller: Caller; activations: readonly ActivationRow[] },
): Promise<Replayed> {
  const id = newId();
  const driver = deps.drivers.find((each) => each.name === facts.request.driver);
  if (driver === undefined)
    return { plan: null, revisions: [], error: new TenonError('driver_unknown', `driver ${facts.request.driver} is not loaded any more`) };
  let session: Session | null = null;
  try {
    const record = await decider.decide({ ...facts, sandboxId: id, driver, dryRun: true });
    session = new Session({
      deps,
      journal: new NullJournal(),
      lease: null,
      driver,
      capabilities: await driver.capabilities(),
      request: facts.request,
      record,
      run: newRun({ operation: 'preview', sandbox: null, request: facts.request, caller: facts.caller, now: deps.clock.now(), id }),
      sandbox: null,
      sandboxId: id,
      effects: [],
      revisions: [],
      dry: true,
      countsForBreakers: false,
    });
    planRequest(session);
    await runPhase(session, 'validate_request');
    await runPhase(session, 'prepare_plan');
    seal(session);
    return { plan: session.plan, revisions: session.revisions, error: null };
  } catch (thrown) {
    return { plan: session?.plan ?? null, revisions: session?.revisions ?? [], error: toTenonError(thrown) };
  } finally {
    session?.close();
  }
}

/** Differences of the two final plans, each with whoever made it on either side. The id of the replay stands in both and is no difference. */
function compare(deps: EngineDeps, request: SandboxRequest, before: Replayed, after: Replayed): readonly AuthoredChange[] {
  const driver = deps.drivers.find((each) => each.name === request.driver);
  if (driver === undefined || before.plan === null || after.plan === null) return [];
  const authors = [...before.revisions, ...after.revisions].flatMap((revision) => revision.changes);
  return diffPlan(before.plan, after.plan, driver.schema).flatMap((change) => {
    const made = authors.findLast((each) => isUnder(change.path, each.path) || isUnder(each.path, change.path));
    return made === undefined ? [] : [{ ...change, by: made.by, reason: made.reason, overrode: made.overrode }];
  });
}

async function drivers(deps: EngineDeps, subject: ActivationRow): Promise<ActivationPreview['drivers']> {
  const manifest = (await deps.directory.all()).get(subject.extension)?.revisions.find((each) => each.revision === subject.revision)?.manifest;
  if (manifest === undefined) return [];
  const inScope = deps.drivers.filter((driver) => subject.scope.drivers === null || subject.scope.drivers.includes(driver.name));
  return Promise.all(inScope.map((driver) => judgeDriver(driver, manifest)));
}

async function judgeDriver(driver: Driver, manifest: Parameters<typeof missingFor>[2]): Promise<ActivationPreview['drivers'][number]> {
  if (!runsOn(manifest, driver.kinds)) return { driver: driver.name, state: 'no_op', reasons: [notForDriver(manifest, driver)] };
  const missing = missingFor(driver, await driver.capabilities(), manifest);
  if (missing.refused.length > 0) return { driver: driver.name, state: 'refused', reasons: missing.refused.map((need) => need.reason) };
  return missing.noOp.length > 0
    ? { driver: driver.name, state: 'no_op', reasons: missing.noOp.map((need) => need.reason) }
    : { driver: driver.name, state: 'supported', reasons: [] };
}

/** Sandboxes that hold the extension in their record, as far as the caller may see them. */
async function live(deps: EngineDeps, extension: string, visible: Visible): Promise<ActivationPreview['live']> {
  const holding = await deps.store.sandboxesHolding(extension, visible === null ? SAMPLES : HOLDERS);
  const seen = holding.items.filter((sandbox) => visible === null || visible.includes(sandbox.workspace));
  const samples = await Promise.all(
    seen.slice(0, SAMPLES).map(async (sandbox) => {
      const owes = (await deps.store.effectsOfSandbox(sandbox.id, ['intended', 'applied', 'owed'])).filter((row) => row.extension === extension).length;
      return {
        sandboxId: sandbox.id,
        name: sandbox.name,
        mode: sandbox.record.extensions.find((active) => active.name === extension)?.mode ?? 'enforce',
        owed: owes,
      } as const;
    }),
  );
  let owedCleanups = 0;
  let cursor: string | undefined;
  do {
    const page = await deps.store.listEffects(
      { visible, state: ['intended', 'applied', 'owed'], extension },
      { limit: 200, ...(cursor === undefined ? {} : { cursor }) },
    );
    owedCleanups += page.items.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return { sandboxes: visible === null ? holding.total : seen.length, owedCleanups, samples };
}
