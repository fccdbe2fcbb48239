import { LIMITS } from '@tenon/vocabulary';
import type { EffectsApi, HookContext, HookInput, HookLog, LeasesApi, SharedApi } from './context.ts';
import { messageOf, storable, TenonError } from './errors.ts';
import type { Json } from './json.ts';
import { openDraft } from './plan/draft.ts';
import type { HookAnswer, HookCall } from './ports/transport.ts';

export interface LogOptions {
  /** Epoch ms, for log lines. */
  readonly now?: () => number;
  /** How much of a hook's log is kept, bytes. */
  readonly logBytes?: number;
}

const NO_LINES: HookAnswer['logs'] = [];

/** What a hook reads. Parts are made when first read: most hooks read few of them, and dispatch must stay cheap. */
export class InProcessContext implements HookContext {
  readonly #call: HookCall;
  readonly #input: HookInput;
  readonly #options: LogOptions;
  #log: BoundedLog | null = null;
  #given: HookCall['plan'] | null = null;
  #draft: ReturnType<typeof openDraft> | null = null;
  #settled = false;
  #doorFailures: unknown[] | null = null;

  constructor(call: HookCall, options: LogOptions) {
    this.#call = call;
    this.#input = call.parts ?? call.input;
    this.#options = options;
  }
  get log(): HookLog {
    this.#log ??= new BoundedLog(this.#options, this.#call);
    return this.#log;
  }
  /** What the hook wrote, where the caller does not take the lines itself. */
  get lines(): HookAnswer['logs'] {
    return this.#log?.lines ?? NO_LINES;
  }
  #planCall(): HookCall['plan'] {
    this.#given ??= this.#call.plan;
    return this.#given;
  }
  get phase() {
    return this.#input.phase;
  }
  get extension() {
    return this.#input.extension;
  }
  get revision() {
    return this.#input.revision;
  }
  get run() {
    return this.#input.run;
  }
  get sandbox() {
    return this.#input.sandbox;
  }
  get driver() {
    return this.#input.driver;
  }
  get actor() {
    return this.#input.actor;
  }
  get requestId() {
    return this.#input.requestId;
  }
  // Records of the engine are shared by everything that reads them: a hook that writes to one must fail, not change them.
  get template() {
    return freezeDeep(this.#input.template);
  }
  get resources() {
    return freezeDeep(this.#input.resources);
  }
  get gpu() {
    return freezeDeep(this.#input.gpu);
  }
  get command() {
    return freezeDeep(this.#input.command);
  }
  get claims() {
    return freezeDeep(this.#input.claims);
  }
  get config() {
    return freezeDeep(this.#input.config);
  }
  get requestConfig() {
    return freezeDeep(this.#input.requestConfig);
  }
  get state() {
    return freezeDeep(this.#input.state);
  }
  get shadow() {
    return this.#input.shadow;
  }
  get dryRun() {
    return this.#input.dryRun;
  }
  get failure() {
    return this.#input.failure;
  }
  get plan(): Json {
    if (!this.#draft) {
      if (this.#settled)
        throw new TenonError('point_closed', 'The plan was used after its hook had settled', {
          hint: 'Await everything that touches ctx.plan before the hook returns.',
        });
      const { value, open } = this.#planCall();
      this.#draft = openDraft(value, { writable: open.length > 0 });
    }
    return this.#draft.draft as Json;
  }
  get planRevision() {
    return this.#planCall().revision;
  }
  get open() {
    return this.#planCall().open;
  }
  get signal() {
    return this.#call.signal();
  }
  get traceparent() {
    return this.#call.traceparent;
  }
  get effects(): EffectsApi {
    const { effects } = this.#call.doors;
    return { ensure: (kind, key, input, options) => this.#through(effects.ensure(kind, key, input, options)) };
  }
  get shared(): SharedApi {
    const { shared } = this.#call.doors;
    return { ensure: (kind, key, input, options) => this.#through(shared.ensure(kind, key, input, options)) };
  }
  get leases(): LeasesApi {
    const { leases } = this.#call.doors;
    return { acquire: (pool, key, candidates, options) => this.#through(leases.acquire(pool, key, candidates, options)) };
  }
  get services() {
    return this.#call.services;
  }

  /** Remembers what a door of the engine threw: that is the engine's own business and goes back to it as it is. */
  async #through<T>(opened: Promise<T>): Promise<T> {
    try {
      return await opened;
    } catch (thrown) {
      this.#doorFailures ??= [];
      this.#doorFailures.push(thrown);
      throw thrown;
    }
  }
  isDoorFailure(thrown: unknown): boolean {
    return this.#doorFailures?.includes(thrown) ?? false;
  }

  /** The edited plan, or null where the hook changed nothing or could not. */
  edit(): HookAnswer['edit'] {
    if (!this.#draft || this.#planCall().open.length === 0) return null;
    const value: unknown = this.#draft.finish();
    return value === this.#planCall().value ? null : { kind: 'value', value };
  }
  settle(): void {
    this.#settled = true;
    this.#draft?.close();
  }
}

/** The lines a hook writes, until the cap; then one line says that the rest is left out. */
export class BoundedLog implements HookLog {
  readonly lines: { at: number; level: string; message: string }[] = [];
  readonly #now: () => number;
  readonly #call: Pick<HookCall, 'onLog'>;
  #left: number;

  constructor(options: LogOptions, call: Pick<HookCall, 'onLog'>) {
    this.#now = options.now ?? Date.now;
    this.#left = options.logBytes ?? LIMITS.attemptLogBytes;
    this.#call = call;
  }
  info(message: string): void {
    this.#add('info', message);
  }
  warn(message: string): void {
    this.#add('warn', message);
  }
  error(message: string): void {
    this.#add('error', message);
  }
  #add(level: string, message: unknown): void {
    if (this.#left <= 0) return;
    const text = typeof message === 'string' ? storable(message) : messageOf(message);
    this.#left -= Buffer.byteLength(text);
    const line = {
      at: this.#now(),
      level: this.#left < 0 ? 'warn' : level,
      message: this.#left < 0 ? 'further lines are left out: the log of one attempt is full' : text,
    };
    if (this.#call.onLog) this.#call.onLog(line);
    else this.lines.push(line);
  }
}

function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freezeDeep(part);
  return value;
}
