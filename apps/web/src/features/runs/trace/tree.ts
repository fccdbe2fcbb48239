import type { AttemptView, EffectView, RunView } from '@tenon/contract';
import { isPhase, type Outcome, phaseRow } from '@tenon/vocabulary';

/** One node of a run's trace. Times are milliseconds from the start of the run. */
export interface TraceNode {
  readonly id: string;
  readonly kind: 'phase' | 'extension' | 'attempt' | 'driver' | 'section' | 'ledger' | 'release';
  readonly label: string;
  readonly revision: string | null;
  readonly extension: string | null;
  readonly start: number;
  readonly end: number;
  /** The attempt that this row stands for: a leaf, or an extension's single attempt folded into its row. */
  readonly attempt: AttemptView | null;
  /** The ledger's row that a release settles. */
  readonly effect: EffectView | null;
  /** A failed try that was tried again: no failure of its own. */
  readonly retried: boolean;
  /** Whether a failure lies here or below. */
  readonly failed: boolean;
  readonly children: readonly TraceNode[];
}

export interface Trace {
  readonly roots: readonly TraceNode[];
  /** Ids of the rows of the failing attempts, as they stand on the page. */
  readonly failures: readonly string[];
  /** Row by attempt id. */
  readonly rowOf: ReadonlyMap<string, string>;
  /** Rows that hold a row, outermost first. */
  readonly parentsOf: ReadonlyMap<string, readonly string[]>;
  /** Effect id to the attempt that made it in this run, and to the attempts that released it. */
  readonly makerOf: ReadonlyMap<string, string>;
  readonly releasesOf: ReadonlyMap<string, readonly string[]>;
  /** Whether and where the run began to undo, in milliseconds from its start. */
  readonly unwindAt: number | null;
}

type TraceRun = Pick<RunView, 'id' | 'operation' | 'startedAt' | 'endedAt' | 'status' | 'driver' | 'firstError' | 'effects'>;

const failures: ReadonlySet<Outcome> = new Set(['failed', 'timed_out', 'denied']);
const toldOfFailure = new Set<string>(['on_create_failed', 'on_start_failed']);

const isFailure = (attempt: Pick<AttemptView, 'outcome'>): boolean => failures.has(attempt.outcome);

/** Lays the attempts of a run out as phase, extension, attempt; what was undone comes in a section of its own. */
export function buildTrace(run: TraceRun, attempts: readonly AttemptView[]): Trace {
  const origin = Date.parse(run.startedAt);
  const ordered = [...attempts].sort((a, b) => a.seq - b.seq);
  const effects = new Map(run.effects.map((effect) => [effect.id, effect]));
  const context: Context = { run, origin, effects };
  const cut = unwindIndex(run, ordered);
  const roots = layOut(ordered.slice(0, cut), context, 'r');
  let unwindAt: number | null = null;
  if (cut < ordered.length) {
    const children = layOut(ordered.slice(cut), context, 'u');
    const first = ordered[cut];
    unwindAt = first ? Date.parse(first.startedAt) - origin : 0;
    roots.push(group('section', 'u', 'Unwinding', null, null, []), ...children);
  }
  return index(roots, ordered, effects, unwindAt);
}

interface Context {
  readonly run: TraceRun;
  readonly origin: number;
  readonly effects: ReadonlyMap<string, EffectView>;
}

const isRelease = (attempt: AttemptView) => attempt.kind === 'release' || (attempt.kind === 'driver' && attempt.compensates !== null);

/** Whether an attempt settles the effects that it names, and does not make them. */
export const settles = (attempt: AttemptView) => isRelease(attempt) || (attempt.kind === 'driver' && ['stop', 'delete'].includes(verbOf(attempt)));

/** Where a create or start began to undo: at the first hook told of the failure, or the first release after the error. */
function unwindIndex(run: TraceRun, ordered: readonly AttemptView[]): number {
  if (run.operation !== 'create' && run.operation !== 'start') return ordered.length;
  const told = ordered.findIndex((attempt) => attempt.phase !== null && toldOfFailure.has(attempt.phase));
  const broke = run.firstError === null ? -1 : ordered.findIndex((attempt) => attempt.id === run.firstError?.attemptId);
  const released = run.firstError === null ? -1 : ordered.findIndex((attempt, at) => at > broke && isRelease(attempt));
  const candidates = [told, released].filter((at) => at >= 0);
  return candidates.length === 0 ? ordered.length : Math.min(...candidates);
}

function layOut(attempts: readonly AttemptView[], context: Context, prefix: string): TraceNode[] {
  const nodes: TraceNode[] = [];
  let at = 0;
  while (at < attempts.length) {
    const first = attempts[at];
    if (!first) break;
    const kind = isRelease(first) ? 'ledger' : first.kind === 'driver' ? 'driver' : 'phase';
    let end = at + 1;
    while (end < attempts.length && sameGroup(kind, first, attempts[end])) end += 1;
    const part = attempts.slice(at, end);
    const id = `${prefix}${first.seq}`;
    if (kind === 'driver') nodes.push(...part.map((attempt) => driverNode(attempt, context)));
    else if (kind === 'phase') nodes.push(group('phase', id, first.phase ?? 'hooks', null, null, byExtension(part, context, id)));
    else nodes.push(group('ledger', id, prefix === 'u' ? 'Ledger, newest first' : 'Released', null, null, byEffect(part, context, id)));
    at = end;
  }
  return nodes;
}

function sameGroup(kind: 'ledger' | 'driver' | 'phase', first: AttemptView, next: AttemptView | undefined): boolean {
  if (!next) return false;
  if (kind === 'ledger') return isRelease(next);
  return kind === 'phase' && next.kind === 'hook' && next.phase === first.phase;
}

/** The extensions of one phase in the order in which they were called; several attempts of one are its children. */
function byExtension(attempts: readonly AttemptView[], context: Context, prefix: string): TraceNode[] {
  const groups = new Map<string, AttemptView[]>();
  for (const attempt of attempts) {
    const name = attempt.extension ?? '';
    const group = groups.get(name);
    if (group) group.push(attempt);
    else groups.set(name, [attempt]);
  }
  return [...groups].map(([name, own]) => tries('extension', `${prefix}.${name}`, name, own, context, null));
}

/** The releases of the ledger, one row per effect; several tries of one are its children. */
function byEffect(attempts: readonly AttemptView[], context: Context, prefix: string): TraceNode[] {
  const groups = new Map<string, AttemptView[]>();
  for (const attempt of attempts) {
    const key = attempt.effects[0] ?? attempt.compensates ?? attempt.id;
    const group = groups.get(key);
    if (group) group.push(attempt);
    else groups.set(key, [attempt]);
  }
  return [...groups].map(([key, own]) => {
    const effect = context.effects.get(key) ?? null;
    return tries('release', `${prefix}.${key}`, releaseLabel(effect, own[0], context.run.driver), own, context, effect);
  });
}

function releaseLabel(effect: EffectView | null, attempt: AttemptView | undefined, driver: string): string {
  if (attempt?.kind === 'driver') return `${driver}: ${verbOf(attempt)}`;
  if (effect === null) return attempt?.message ?? 'release';
  return effect.kind === '*' ? '* by key' : `${effect.kind} ${effect.key}`;
}

/** A driver's attempt says what it did first: `create`, or `create: <what went wrong>`. */
export function verbOf(attempt: Pick<AttemptView, 'message'>): string {
  const verb = attempt.message?.split(':', 1)[0]?.trim() ?? '';
  return /^[a-z ]{1,24}$/.test(verb) ? verb : 'call';
}

function driverNode(attempt: AttemptView, context: Context): TraceNode {
  return { ...leaf(attempt, context), kind: 'driver', label: `${context.run.driver}: ${verbOf(attempt)}` };
}

function tries(kind: 'extension' | 'release', id: string, label: string, own: readonly AttemptView[], context: Context, effect: EffectView | null): TraceNode {
  const only = own.length === 1 ? own[0] : undefined;
  if (only) return { ...leaf(only, context), kind, label, effect };
  const children = own.map((attempt, at): TraceNode => {
    const retried = isFailure(attempt) && at < own.length - 1;
    return { ...leaf(attempt, context), kind: 'attempt', label: `Attempt ${attempt.number}`, retried, failed: isFailure(attempt) && !retried, effect };
  });
  const last = own.at(-1);
  return { ...group(kind, id, label, last?.revision ?? null, last?.extension ?? null, children), effect };
}

function leaf(attempt: AttemptView, { origin }: Context): TraceNode {
  const start = Math.max(0, Date.parse(attempt.startedAt) - origin);
  return {
    id: attempt.id,
    kind: 'attempt',
    label: attempt.extension ?? verbOf(attempt),
    revision: attempt.revision,
    extension: attempt.extension,
    start,
    end: start + attempt.durationMs,
    attempt,
    effect: null,
    retried: false,
    failed: isFailure(attempt),
    children: [],
  };
}

function group(
  kind: TraceNode['kind'],
  id: string,
  label: string,
  revision: string | null,
  extension: string | null,
  children: readonly TraceNode[],
): TraceNode {
  let start = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const child of children) {
    start = Math.min(start, child.start);
    end = Math.max(end, child.end);
  }
  return {
    id,
    kind,
    label,
    revision,
    extension,
    start: children.length === 0 ? 0 : start,
    end,
    attempt: null,
    effect: null,
    retried: false,
    failed: children.some((child) => child.failed),
    children,
  };
}

function index(roots: readonly TraceNode[], attempts: readonly AttemptView[], effects: ReadonlyMap<string, EffectView>, unwindAt: number | null): Trace {
  const failing: string[] = [];
  const rowOf = new Map<string, string>();
  const parentsOf = new Map<string, readonly string[]>();
  const walk = (node: TraceNode, parents: readonly string[]) => {
    parentsOf.set(node.id, parents);
    if (node.attempt) {
      rowOf.set(node.attempt.id, node.id);
      if (node.failed) failing.push(node.id);
    }
    const inside = [...parents, node.id];
    for (const child of node.children) walk(child, inside);
  };
  for (const root of roots) walk(root, []);
  const makerOf = new Map<string, string>();
  const releasesOf = new Map<string, string[]>();
  for (const effect of effects.values()) if (effect.attemptId !== null) makerOf.set(effect.id, effect.attemptId);
  for (const attempt of attempts) {
    for (const id of attempt.effects) {
      if (!settles(attempt)) {
        if (!makerOf.has(id)) makerOf.set(id, attempt.id);
      } else {
        const known = releasesOf.get(id);
        if (known) known.push(attempt.id);
        else releasesOf.set(id, [attempt.id]);
      }
    }
    // A release that names only what it compensates: the effect itself, or all that its maker made.
    if (isRelease(attempt) && attempt.effects.length === 0 && attempt.compensates !== null) {
      const made = effects.has(attempt.compensates)
        ? [attempt.compensates]
        : [...makerOf].filter(([, maker]) => maker === attempt.compensates).map(([id]) => id);
      for (const id of made) releasesOf.set(id, [...(releasesOf.get(id) ?? []), attempt.id]);
    }
  }
  return { roots, failures: failing, rowOf, parentsOf, makerOf, releasesOf, unwindAt };
}

/** The row that a page lands on: the attempt that failed the run, else the first failure. */
export function landingRow(trace: Trace, firstErrorAttempt: string | null): string | null {
  const broke = firstErrorAttempt === null ? undefined : trace.rowOf.get(firstErrorAttempt);
  return broke ?? trace.failures[0] ?? null;
}

/** Whether a node starts unfolded: failures and whatever changed something; phases where nothing happened are folded. */
export function startsOpen(node: TraceNode): boolean {
  if (node.children.length === 0) return false;
  if (node.failed || node.kind === 'ledger') return true;
  if (node.kind === 'extension' || node.kind === 'release') return node.failed;
  const told = node.kind === 'phase' && isPhase(node.label) && phaseRow(node.label).told;
  return (
    !told &&
    node.children.some(({ attempt }) => attempt !== null && (attempt.outcome === 'changed' || attempt.outcome === 'shadowed' || attempt.effects.length > 0))
  );
}
