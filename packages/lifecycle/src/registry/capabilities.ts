import { type CapabilityKind, type CapabilityState, PHASE_NAMES } from '@tenon/vocabulary';
import type { MatrixCell } from '../engine.ts';
import type { HookDeclaration, Manifest } from '../extension.ts';
import { resolvePoint } from '../plan/points.ts';
import type { Driver, DriverCapabilities } from '../ports/driver.ts';
import { listed } from './wording.ts';

/** What the matrix must know of a driver: a `Driver` is one. */
export type DriverShape = Pick<Driver, 'name' | 'chain' | 'kinds' | 'schema'>;
/** A driver with what it can do now. */
export interface DriverFacts extends DriverShape {
  readonly capabilities: DriverCapabilities;
}

/** One thing that a hook asks of a driver, and the answer. */
export interface Need {
  readonly kind: CapabilityKind;
  readonly name: string;
  readonly state: CapabilityState;
  /** One line for people. */
  readonly reason: string;
  readonly neededBy: HookDeclaration['phase'];
  readonly remedy: string | null;
}

/** How one hook fares on one driver. `refused`: the driver lacks what a required hook requires. `no_op`: the hook is skipped, for this reason. */
export interface HookJudgement {
  readonly hook: HookDeclaration;
  readonly state: CapabilityState;
  readonly reason: string;
  readonly needs: readonly Need[];
}

export interface Missing {
  /** False: the extension is not for this driver's kinds, and nothing below is asked. */
  readonly runs: boolean;
  /** Required and not there. */
  readonly refused: readonly Need[];
  /** Optional and not there. */
  readonly noOp: readonly Need[];
}

/**
 * The driver kinds that an extension is for; null means any. `drivers` absent: the kinds that its points name, or any where it
 * names none or only driver-neutral ones.
 */
export function kindsOf(manifest: Pick<Manifest, 'drivers' | 'hooks'>): readonly string[] | null {
  if (manifest.drivers) return manifest.drivers;
  const kinds = new Set(manifest.hooks.flatMap((hook) => [...hook.points, ...hook.optionalPoints]).map(kindOfPoint));
  kinds.delete('*');
  return kinds.size === 0 ? null : [...kinds];
}

/** Whether an extension runs on a driver whose chain has these kinds. */
export function runsOn(manifest: Pick<Manifest, 'drivers' | 'hooks'>, kinds: readonly string[]): boolean {
  const wanted = kindsOf(manifest);
  return wanted === null || wanted.some((kind) => kinds.includes(kind));
}

/** Why an extension does not run on a driver, in one line. */
export function notForDriver(manifest: Pick<Manifest, 'drivers' | 'hooks'>, driver: DriverShape): string {
  return `not for this driver: it is for drivers of kind ${listed(kindsOf(manifest) ?? [], 'any')}, and ${driver.name} is ${driver.kinds.join(' around ')}`;
}

/** The part of a point's name before its first dot: a driver kind, or `*`. */
export function kindOfPoint(point: string): string {
  const dot = point.indexOf('.');
  return dot < 0 ? point : point.slice(0, dot);
}

/** How a hook fares on a driver: everything that it asks for, and what that comes to. The engine runs it only where `supported`. */
export function judgeHook(driver: DriverShape, capabilities: DriverCapabilities, hook: HookDeclaration): HookJudgement {
  const phase = judgePhase(driver, capabilities, hook);
  const needs = [
    phase,
    ...hook.points.flatMap((name) => judgePoint(driver, hook, name, hook.required)),
    ...hook.optionalPoints.filter((name) => !hook.points.includes(name)).flatMap((name) => judgePoint(driver, hook, name, false)),
    ...hook.features.map((name) => judgeFeature(driver, capabilities, hook, name, hook.required)),
    ...hook.optionalFeatures.filter((name) => !hook.features.includes(name)).map((name) => judgeFeature(driver, capabilities, hook, name, false)),
  ];
  const refused = needs.find((need) => need.state === 'refused');
  if (refused) return { hook, state: 'refused', reason: refused.reason, needs };
  // A hook that is not required does nothing where its phase, or a point or feature that it requires, is missing.
  const stops = needs.find((need) => need.state === 'no_op' && (need === phase || hook.points.includes(need.name) || hook.features.includes(need.name)));
  if (stops) return { hook, state: 'no_op', reason: stops.reason, needs };
  return { hook, state: 'supported', reason: phase.reason, needs };
}

/** Whether the engine may run a hook here: `judgeHook`'s `supported`, without its reasons where nothing but the phase is asked for. */
export function isSupported(driver: DriverShape, capabilities: DriverCapabilities, hook: HookDeclaration): boolean {
  const asksNothing = hook.points.length + hook.optionalPoints.length + hook.features.length + hook.optionalFeatures.length === 0;
  if (asksNothing) return capabilities.phases.includes(hook.phase);
  return judgeHook(driver, capabilities, hook).state === 'supported';
}

/** What a driver lacks for an extension. */
export function missingFor(driver: DriverShape, capabilities: DriverCapabilities, manifest: Pick<Manifest, 'drivers' | 'hooks'>): Missing {
  if (!runsOn(manifest, driver.kinds)) return { runs: false, refused: [], noOp: [] };
  const needs = manifest.hooks.flatMap((hook) => judgeHook(driver, capabilities, hook).needs);
  return { runs: true, refused: needs.filter(({ state }) => state === 'refused'), noOp: needs.filter(({ state }) => state === 'no_op') };
}

/**
 * The matrix's cells of one driver: for an extension's revision, one cell for each phase, point and feature that its hooks name; without
 * one, the driver's own rows. This is the one computation that API, web and docs show and that activation and create obey.
 */
export function matrixCells(driver: DriverShape, capabilities: DriverCapabilities, manifest: Manifest | null, now: number): readonly MatrixCell[] {
  const head = { driver: driver.name, reportedBy: `${driver.schema.kind} ${capabilities.version}`.trim(), checkedAt: now };
  if (manifest === null) {
    return ownRows(driver, capabilities).map((row) => ({ ...head, extension: null, revision: null, neededBy: [], remedy: null, ...row }));
  }
  const whose = { ...head, extension: manifest.name, revision: manifest.revision };
  if (!runsOn(manifest, driver.kinds)) {
    const reason = notForDriver(manifest, driver);
    return manifest.hooks.map(({ phase }) => ({ ...whose, kind: 'phase', name: phase, state: 'no_op', reason, neededBy: [phase], remedy: null }));
  }
  const cells = new Map<string, MatrixCell>();
  for (const need of manifest.hooks.flatMap((hook) => judgeHook(driver, capabilities, hook).needs)) {
    const id = `${need.kind} ${need.name}`;
    const known = cells.get(id);
    const neededBy = [...new Set([...(known?.neededBy ?? []), need.neededBy])];
    const worse = !known || SEVERITY[need.state] > SEVERITY[known.state] ? need : known;
    cells.set(id, { ...whose, kind: need.kind, name: need.name, state: worse.state, reason: worse.reason, remedy: worse.remedy, neededBy });
  }
  return [...cells.values()];
}

const SEVERITY = { supported: 0, no_op: 1, refused: 2 } as const satisfies Record<CapabilityState, number>;

function ownRows(driver: DriverShape, capabilities: DriverCapabilities): readonly Pick<MatrixCell, 'kind' | 'name' | 'state' | 'reason'>[] {
  return [
    ...PHASE_NAMES.map((name) =>
      capabilities.phases.includes(name)
        ? { kind: 'phase' as const, name, state: 'supported' as const, reason: `${driver.name} reaches ${name}` }
        : { kind: 'phase' as const, name, state: 'no_op' as const, reason: `${driver.name} has no ${name}: optional hooks are skipped, required ones refused` },
    ),
    ...driver.schema.points.map((point) => ({
      kind: 'point' as const,
      name: point.name,
      state: 'supported' as const,
      reason: `open in ${listed(point.openIn, 'no phase')}`,
    })),
    ...capabilities.features.map((name) => ({ kind: 'feature' as const, name, state: 'supported' as const, reason: `${driver.name} reports it` })),
  ];
}

function judgePhase(driver: DriverShape, capabilities: DriverCapabilities, hook: HookDeclaration): Need {
  const head = { kind: 'phase', name: hook.phase, neededBy: hook.phase } as const;
  if (capabilities.phases.includes(hook.phase)) return { ...head, state: 'supported', reason: `${driver.name} reaches ${hook.phase}`, remedy: null };
  return {
    ...head,
    state: hook.required ? 'refused' : 'no_op',
    reason: `${driver.name} has no ${hook.phase}`,
    remedy: hook.required ? `Use another driver, or a revision whose ${hook.phase} hook is not required.` : null,
  };
}

function judgePoint(driver: DriverShape, hook: HookDeclaration, name: string, required: boolean): readonly Need[] {
  const neutral = name.startsWith('*.');
  // A point of a kind that is not in this driver's chain asks nothing of it.
  if (!neutral && !driver.kinds.some((kind) => kind === kindOfPoint(name))) return [];
  const head = { kind: 'point', name, neededBy: hook.phase } as const;
  const point = resolvePoint(name, driver.schema);
  const lacking = (reason: string, remedy: string): readonly Need[] => [
    { ...head, state: required ? 'refused' : 'no_op', reason, remedy: required ? remedy : null },
  ];
  if (!point) return lacking(`${driver.name} has no mutation point ${name}`, 'Use another driver, or a revision that declares this point optional.');
  if (!point.openIn.includes(hook.phase)) {
    const open = listed(point.openIn, 'no phase');
    return lacking(`${point.name} of ${driver.name} is closed in ${hook.phase}: it is open in ${open}`, `Change it in ${open}.`);
  }
  return [{ ...head, state: 'supported', reason: neutral ? `means ${point.name}, open in ${hook.phase}` : `open in ${hook.phase}`, remedy: null }];
}

function judgeFeature(driver: DriverShape, capabilities: DriverCapabilities, hook: HookDeclaration, name: string, required: boolean): Need {
  const head = { kind: 'feature', name, neededBy: hook.phase } as const;
  // A service for in-process extensions is asked for by its name, as a feature.
  if (capabilities.features.includes(name) || capabilities.services.some((service) => service === name)) {
    return { ...head, state: 'supported', reason: `${driver.name} reports it`, remedy: null };
  }
  return {
    ...head,
    state: required ? 'refused' : 'no_op',
    reason: `${driver.name} does not report ${name}`,
    remedy: required ? 'Use another driver, or a revision that declares this feature optional.' : null,
  };
}
