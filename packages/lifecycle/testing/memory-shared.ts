import type { Clock } from '../src/ports/clock.ts';
import { type SharedId, SharedLost, type SharedThing, type SharedThings } from '../src/ports/shared.ts';
import { copy } from './memory-tables.ts';

interface Row {
  thing: SharedThing;
  token: number;
  locked: boolean;
  until: number;
}

/** Shared things in memory, each under a lease of its row by the injected clock. */
export class MemoryShared implements SharedThings {
  private readonly clock: Pick<Clock, 'now'>;
  private readonly rows = new Map<string, Row>();

  constructor(options: { readonly clock?: Pick<Clock, 'now'> } = {}) {
    this.clock = options.clock ?? { now: () => Date.now() };
  }

  async lock(id: SharedId, leaseMs: number): Promise<{ readonly token: number; readonly thing: SharedThing } | null> {
    const now = this.clock.now();
    const row = this.rows.get(placeOf(id)) ?? { thing: absent(id), token: 0, locked: false, until: 0 };
    if (row.locked && row.until > now) return null;
    row.token += 1;
    row.locked = true;
    row.until = now + leaseMs;
    this.rows.set(placeOf(id), row);
    return { token: row.token, thing: copy(row.thing) };
  }

  async write(id: SharedId, token: number, change: Parameters<SharedThings['write']>[2]): Promise<SharedThing> {
    const row = this.held(id, token);
    if (row === null) throw new SharedLost(id);
    row.thing = copy({ ...row.thing, ...change });
    return copy(row.thing);
  }

  async renew(id: SharedId, token: number, leaseMs: number): Promise<boolean> {
    const row = this.held(id, token);
    if (row === null) return false;
    row.until = this.clock.now() + leaseMs;
    return true;
  }

  async unlock(id: SharedId, token: number): Promise<void> {
    const row = this.held(id, token);
    if (row !== null) row.locked = false;
  }

  async list(): Promise<readonly SharedThing[]> {
    const things = [...this.rows.values()].map((row) => row.thing).filter((thing) => thing.state !== 'absent' || thing.holders.length > 0);
    return copy(things.sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)));
  }

  private held(id: SharedId, token: number): Row | null {
    const row = this.rows.get(placeOf(id));
    return row?.locked === true && row.token === token ? row : null;
  }
}

function placeOf(id: SharedId): string {
  return JSON.stringify([id.extension, id.kind, id.key]);
}

function absent(id: SharedId): SharedThing {
  return { extension: id.extension, kind: id.kind, key: id.key, generation: 0, state: 'absent', input: null, handle: null, holders: [] };
}
