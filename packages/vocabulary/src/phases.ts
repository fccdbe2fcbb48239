/**
 * The one catalogue of lifecycle phases. Engine, API, web and docs all read this table; nothing repeats it.
 * Source: the lifecycle design, section 2.
 */

export const OPERATIONS = ['create', 'start', 'stop', 'delete', 'reconcile', 'preview'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** What a failure in a phase does by default: fail the run, warn and go on, or only be recorded. */
export type FailureEffect = 'fail' | 'warn' | 'record';

/** What a phase may do to the plan: read it, change any point open in it, or only late or start points. */
export type PlanAccess = 'read' | 'write' | 'late' | 'start';

export interface PhaseRow {
  readonly operations: readonly Operation[];
  readonly order: 'setup' | 'reverse';
  readonly plan: PlanAccess;
  /** Whether hooks of this phase may allocate effects. */
  readonly effects: boolean;
  /** Told phases inform only: nothing they answer changes the run. */
  readonly told: boolean;
  readonly onFailure: FailureEffect;
  /** Whether an explicit deny is final here; elsewhere it counts as a failure. */
  readonly denies: boolean;
  /** `any`: `warn` may always be set. `optional`: only where the hook is `required: false`. `none`: it changes nothing. */
  readonly warnable: 'any' | 'optional' | 'none';
  /** Where an effect made in this phase belongs unless it says otherwise. */
  readonly effectScope: 'sandbox' | 'start';
  /** Repeating a hook of this phase is safe: always, or by the idempotency key. */
  readonly idempotent: 'always' | 'by_key';
}

const setup = { order: 'setup', told: false, denies: false, effects: false, effectScope: 'sandbox', idempotent: 'always', warnable: 'optional' } as const;
const told = {
  order: 'reverse',
  plan: 'read',
  told: true,
  denies: false,
  effects: false,
  effectScope: 'sandbox',
  idempotent: 'always',
  onFailure: 'record',
  warnable: 'none',
} as const;

export const PHASES = {
  validate_request: { ...setup, operations: ['create', 'preview'], plan: 'read', onFailure: 'fail', denies: true },
  prepare_plan: { ...setup, operations: ['create', 'preview', 'start'], plan: 'write', onFailure: 'fail', denies: true },
  before_create: { ...setup, operations: ['create'], plan: 'late', effects: true, onFailure: 'fail', denies: true, idempotent: 'by_key' },
  after_create: { ...setup, operations: ['create'], plan: 'read', effects: true, onFailure: 'fail', idempotent: 'by_key' },
  on_create_failed: { ...told, operations: ['create'] },
  before_start: {
    ...setup,
    operations: ['create', 'start'],
    plan: 'start',
    effects: true,
    onFailure: 'fail',
    denies: true,
    effectScope: 'start',
    idempotent: 'by_key',
  },
  on_start_failed: { ...told, operations: ['create', 'start'] },
  after_ready: {
    ...setup,
    operations: ['create', 'start', 'reconcile'],
    plan: 'read',
    effects: true,
    onFailure: 'warn',
    warnable: 'any',
    effectScope: 'start',
    idempotent: 'by_key',
  },
  after_exit: { ...told, operations: ['reconcile'] },
  before_stop: { ...setup, order: 'reverse', operations: ['stop'], plan: 'read', onFailure: 'warn', warnable: 'any' },
  after_stop: { ...told, operations: ['stop'] },
  before_delete: { ...setup, order: 'reverse', operations: ['delete'], plan: 'read', onFailure: 'record', denies: true, warnable: 'none' },
  after_delete: { ...told, operations: ['delete', 'reconcile'] },
  before_restore: { ...setup, operations: ['reconcile'], plan: 'read', effects: true, onFailure: 'fail', effectScope: 'start', idempotent: 'by_key' },
  after_restore: { ...setup, operations: ['reconcile'], plan: 'read', effects: true, onFailure: 'fail', effectScope: 'start', idempotent: 'by_key' },
  reconcile: { ...setup, operations: ['reconcile'], plan: 'read', effects: true, onFailure: 'warn', warnable: 'any', idempotent: 'always' },
} as const satisfies Record<string, PhaseRow>;

export type Phase = keyof typeof PHASES;
export const PHASE_NAMES = Object.keys(PHASES) as Phase[];

export function phaseRow(phase: Phase): PhaseRow {
  return PHASES[phase];
}

export function isPhase(name: string): name is Phase {
  return Object.hasOwn(PHASES, name);
}
