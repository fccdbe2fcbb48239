import type { EventQuery } from '@tenon/contract';
import type { EventRecord } from '@tenon/lifecycle';
import type { Call, Deps } from '../context.ts';
import { presentEvent } from '../present/access.ts';

const HEARTBEAT_MS = 15_000;
/** The outbox is asked at least this often, should a nudge get lost. */
const PAGE = 200;

export interface Following {
  readonly query: EventQuery;
  /** The last id that the client saw; null: from now on. */
  readonly after: string | null;
  readonly signal: AbortSignal;
}

/**
 * Sends events in commit order until the signal fires or the token behind the caller has ended. Every pause has a heartbeat; where the
 * client's last id is older than what is kept, `event: reset` tells it to read everything anew.
 */
export async function followEvents(deps: Deps, call: Call, following: Following, send: (text: string) => Promise<void>): Promise<void> {
  const { signal, query } = following;
  const nudge = new Nudge();
  const off = deps.store.onEvents(() => nudge.ring());
  const stop = () => nudge.ring();
  signal.addEventListener('abort', stop, { once: true });
  try {
    let last = following.after;
    await send('retry: 2000\n\n');
    if (last === null) {
      last = (await deps.store.eventsAfter(null, 1, call.principal.workspaces)).last ?? '0';
      // An id without data is no event: it only tells a browser where to resume.
      await send(`id: ${last}\n\n`);
    }
    while (!signal.aborted) {
      const page = await deps.store.eventsAfter(last, PAGE, call.principal.workspaces);
      if (page.reset) {
        last = page.last ?? '0';
        await send(`event: reset\nid: ${last}\ndata: {}\n\n`);
        continue;
      }
      for (const event of page.events) {
        if (wanted(event, query)) await send(`id: ${event.id}\ndata: ${JSON.stringify(presentEvent(event))}\n\n`);
      }
      last = page.last ?? last;
      if (page.events.length === PAGE) continue;
      if (await nudge.within(HEARTBEAT_MS)) continue;
      if (!(await stillValid(deps, call))) return;
      await send(': still here\n\n');
    }
  } finally {
    off();
    signal.removeEventListener('abort', stop);
  }
}

function wanted(event: EventRecord, query: EventQuery): boolean {
  return (
    (query.type === undefined || query.type.includes(event.type)) &&
    (query.sandboxId === undefined || query.sandboxId === event.sandboxId) &&
    (query.runId === undefined || query.runId === event.runId)
  );
}

/** A stream outlives the request that opened it: a token that was revoked meanwhile must not keep reading. */
async function stillValid(deps: Deps, call: Call): Promise<boolean> {
  const token = await deps.store.getToken(call.principal.tokenId);
  const now = deps.now();
  return token !== null && token.revokedAt === null && (call.principal.expiresAt === null || call.principal.expiresAt > now);
}

/** A bell that remembers one ring. */
class Nudge {
  #rung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** True where it rang before the time was up. */
  async within(ms: number): Promise<boolean> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const rang = this.#rung;
    this.#rung = false;
    this.#wake = null;
    return rang;
  }
}
