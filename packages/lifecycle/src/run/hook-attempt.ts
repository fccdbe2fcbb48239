import { type Phase, phaseRow } from '@tenon/vocabulary';
import type { HookInput } from '../context.ts';
import type { HookDeclaration } from '../extension.ts';
import type { JsonObject } from '../json.ts';
import { openPoints } from '../plan/points.ts';
import type { HookAnswer, HookCall } from '../ports/transport.ts';
import type { ActiveExtension, EffectRecord } from '../records.ts';
import type { GuardedCall, GuardedResult } from './deadline.ts';
import type { Resolved } from './directory.ts';
import { AttemptDoors } from './doors.ts';
import { idempotencyKey } from './keys.ts';
import type { Begun, Session } from './session.ts';

type LogLine = HookAnswer['logs'][number];
const NONE: readonly never[] = [];

/** One hook of one extension in one run: what all its attempts share. */
export class HookTurn {
  readonly session: Session;
  readonly phase: Phase;
  readonly active: ActiveExtension;
  readonly hook: HookDeclaration;
  readonly resolved: Extract<Resolved, { kind: 'client' }>;
  /** The row that stands for whatever an out-of-process hook makes. */
  wild: EffectRecord | null = null;
  private keyMade: string | null = null;

  constructor(session: Session, phase: Phase, active: ActiveExtension, hook: HookDeclaration, resolved: Extract<Resolved, { kind: 'client' }>) {
    this.session = session;
    this.phase = phase;
    this.active = active;
    this.hook = hook;
    this.resolved = resolved;
  }

  /** The same over all attempts; a digest, made for those who ask. */
  get key(): string {
    this.keyMade ??= idempotencyKey(this.session.run.id, this.phase, this.active.name);
    return this.keyMade;
  }
}

/**
 * One attempt as its transport sees it. Most hooks read a little of what they are given and use no door, and a hundred of them must
 * not cost more than a loop that awaits them by much: so every part is made when it is first read.
 */
export class HookAttempt implements HookCall, HookInput {
  readonly turn: HookTurn;
  readonly begun: Begun;
  readonly number: number;
  readonly parentId: string | null;
  readonly deadlineMs: number;
  readonly state: JsonObject | null;
  private readonly guarded: GuardedCall<HookAnswer>;
  private doorsMade: AttemptDoors | null = null;
  private runMade: HookInput['run'] | null = null;
  private written: LogLine[] | null = null;
  private settled = false;

  constructor(turn: HookTurn, begun: Begun, number: number, parentId: string | null, deadlineMs: number, state: JsonObject | null) {
    this.turn = turn;
    this.begun = begun;
    this.number = number;
    this.parentId = parentId;
    this.deadlineMs = deadlineMs;
    this.state = state;
    this.guarded = turn.session.guard.guard(deadlineMs, begun.mono);
  }

  /** Calls the hook; settles with its answer, its failure, or with what came first, the deadline or an abort. */
  call(): Promise<GuardedResult<HookAnswer>> {
    return this.guarded.follow(this);
  }

  make(): Promise<HookAnswer> {
    return this.turn.resolved.client.hook(this);
  }

  /** From here on its doors are closed. */
  settle(): void {
    this.settled = true;
    this.doorsMade?.settle();
  }

  /** Effect ids made or joined so far. */
  get made(): readonly string[] {
    return this.doorsMade?.made ?? NONE;
  }
  get wouldBe(): readonly string[] {
    return this.doorsMade?.wouldBe ?? NONE;
  }
  /** What the hook has written so far: one that timed out may go on writing. */
  get lines(): readonly LogLine[] {
    return this.written === null ? NONE : [...this.written];
  }

  // ---- what every transport reads

  get input(): HookInput {
    const { phase, extension, revision, run, sandbox, driver, actor, requestId, template, resources, gpu, command } = this;
    const { claims, config, requestConfig, state, shadow, dryRun, failure } = this;
    const where = { phase, extension, revision, run, sandbox, driver, actor, requestId, template, resources, gpu, command };
    return { ...where, claims, config, requestConfig, state, shadow, dryRun, failure };
  }
  get parts(): HookInput {
    return this;
  }
  get plan(): HookCall['plan'] {
    const { session, hook, phase } = this.turn;
    const { name, schema } = session.driver;
    const declared = phaseRow(phase).plan === 'read' ? NONE : [...hook.points, ...hook.optionalPoints];
    const open = declared.length === 0 ? NONE : openPoints(declared, schema, phase).map((point) => ({ point: point.name, path: point.path }));
    return { driver: name, revision: Math.max(0, session.revisions.length - 1), value: session.plan, open, schema };
  }
  signal(): AbortSignal {
    return this.guarded.signal();
  }
  get traceparent(): string {
    return this.begun.traceparent;
  }
  get doors(): AttemptDoors {
    if (this.doorsMade === null) {
      const { session, active, phase, resolved, key } = this.turn;
      const { effectScope: scope, effects: allowed } = phaseRow(phase);
      const { client, revision } = resolved;
      const signal = () => this.guarded.signal();
      this.doorsMade = new AttemptDoors({ session, active, phase, client, revision, attemptId: this.begun.id, idempotencyKey: key, scope, allowed, signal });
      if (this.settled) this.doorsMade.settle();
    }
    return this.doorsMade;
  }
  get services() {
    return this.turn.session.driver.services();
  }
  onLog(line: LogLine): void {
    this.written ??= [];
    this.written.push(line);
  }

  // ---- the input, part by part

  get phase() {
    return this.turn.phase;
  }
  get extension() {
    return this.turn.active.name;
  }
  get revision() {
    return this.turn.resolved.revision;
  }
  get run(): HookInput['run'] {
    const { turn } = this;
    this.runMade ??= {
      id: turn.session.run.id,
      operation: turn.session.run.operation,
      attempt: this.number,
      idempotencyKey: turn.key,
      deadline: new Date(this.begun.startedAt + this.deadlineMs).toISOString(),
    };
    return this.runMade;
  }
  get sandbox() {
    return this.turn.session.ref;
  }
  get driver() {
    const { driver, capabilities } = this.turn.session;
    return { name: driver.name, chain: driver.chain, features: capabilities.features };
  }
  get actor() {
    return this.turn.session.run.actor;
  }
  get requestId() {
    return this.turn.session.run.requestId;
  }
  get template() {
    return this.turn.session.request.template;
  }
  get resources() {
    return this.turn.session.request.template.resources;
  }
  get gpu() {
    return this.turn.session.request.gpu;
  }
  get command() {
    return this.turn.session.request.command;
  }
  get claims() {
    return this.turn.session.record.claims;
  }
  get config() {
    return this.turn.active.config;
  }
  get requestConfig() {
    return this.turn.active.requestConfig;
  }
  get shadow() {
    return this.turn.active.mode === 'shadow';
  }
  get dryRun() {
    return this.turn.session.dry;
  }
  get failure() {
    const { failure } = this.turn.session;
    return failure === null ? null : { code: failure.code, message: failure.message };
  }
}
