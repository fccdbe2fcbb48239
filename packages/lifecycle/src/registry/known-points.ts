import { DRIVER_KINDS, NEUTRAL_POINTS, type NeutralPoint, PHASE_NAMES, type Phase, phaseRow } from '@tenon/vocabulary';
import { TenonError } from '../errors.ts';
import type { MutationPoint, PlanSchema } from '../plan/plan.ts';
import { kindOfPoint } from './capabilities.ts';
import { listed, quoted } from './wording.ts';

/** Points of an external driver are declared per base: one that today's base lacks is a point all the same. */
const EXTERNAL_POINTS = ['image', 'command', 'labels', 'environment', 'resources', 'platform_config', 'driver_config'];
const POINT_NAME = /^(\*|[a-z]+)(\.[A-Za-z0-9_-]+)+$/;

export interface PointCheck {
  readonly extension: string;
  readonly phase: Phase;
  /** Of the drivers that are loaded. */
  readonly schemas: readonly PlanSchema[];
  readonly pointer: string;
}

/**
 * Judges a mutation point that a hook names. Of a driver kind that is loaded, the point must exist and be open in the hook's phase. Of a
 * kind that exists but is not loaded here, the name's form is all that can be judged: an extension may be registered before its driver.
 * @throws TenonError `unknown_point`, `point_closed`
 */
export function checkPoint(name: string, check: PointCheck): void {
  const { phase } = check;
  const unknown: Unknown = (message, hint) => fail('unknown_point', message, hint, check);
  if (!POINT_NAME.test(name)) unknown(`${quoted(name)} is no mutation point`, 'Write <kind>.<part>, such as docker.networks, or *.labels.');
  const candidates = pointsNamed(name, check.schemas, unknown);
  if (phaseRow(phase).plan === 'read') {
    const writing = PHASE_NAMES.filter((other) => phaseRow(other).plan !== 'read').join(', ');
    fail('point_closed', `${name} cannot be changed in ${phase}: that phase only reads the plan`, `Move the point to a hook of ${writing}, or drop it.`, check);
  }
  if (candidates === null || candidates.some((point) => point.openIn.includes(phase))) return;
  const open = listed([...new Set(candidates.flatMap((point) => point.openIn))], 'no phase');
  fail('point_closed', `${name} is closed in ${phase}: it is open in ${open}`, `Move the point to a hook of ${open}, or drop it.`, check);
}

type Unknown = (message: string, hint: string) => never;

/** The points that loaded drivers have under this name; null where no loaded driver can tell. */
function pointsNamed(name: string, schemas: readonly PlanSchema[], unknown: Unknown): readonly MutationPoint[] | null {
  const kind = kindOfPoint(name);
  const part = name.slice(kind.length + 1);
  if (kind === '*') {
    if (!isNeutral(part))
      return unknown(
        `${quoted(name)} is no driver-neutral point`,
        `Use one of ${NEUTRAL_POINTS.map((neutral) => `*.${neutral}`).join(', ')}, or a driver's own point.`,
      );
    const own = schemas.flatMap((schema) => schema.points.filter((point) => point.name === schema.neutral[part]));
    return own.length > 0 ? own : null;
  }
  if (kind === 'composed')
    return unknown(`${quoted(name)} names a composed driver, whose points keep the name of its base`, "Use the base's kind, such as docker.labels.");
  if (!(DRIVER_KINDS as readonly string[]).includes(kind))
    return unknown(
      `${quoted(name)} names ${quoted(kind)}, which is no driver kind`,
      `Use one of ${DRIVER_KINDS.filter((known) => known !== 'composed').join(', ')}, or *.`,
    );
  const loaded = schemas.filter((schema) => schema.kind === kind);
  const points = loaded.flatMap((schema) => schema.points.filter((point) => point.name === name));
  if (points.length > 0) return points;
  if (kind === 'external') {
    if (EXTERNAL_POINTS.includes(part)) return null;
    return unknown(`external drivers have no mutation point ${quoted(name)}`, `Use one of ${EXTERNAL_POINTS.map((known) => `external.${known}`).join(', ')}.`);
  }
  if (loaded.length === 0) return null;
  const known = [...new Set(loaded.flatMap((schema) => schema.points.map((point) => point.name)))];
  return unknown(`${kind} has no mutation point ${quoted(name)}`, `Its points are ${listed(known)}.`);
}

function isNeutral(part: string): part is NeutralPoint {
  return (NEUTRAL_POINTS as readonly string[]).includes(part);
}

function fail(code: 'unknown_point' | 'point_closed', message: string, hint: string, check: PointCheck): never {
  throw new TenonError(code, message, { extension: check.extension, phase: check.phase, pointer: check.pointer, hint });
}
