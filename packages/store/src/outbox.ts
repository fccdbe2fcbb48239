import { type EventRecord, type EventStore, toStorableJson } from '@tenon/lifecycle';
import pg from 'pg';
import type { Database } from './database.ts';

const CHANNEL = 'tenon_events';
/** Nudges to other replicas are sent after commits, not within them: NOTIFY in a transaction makes all commits queue behind one lock. */
const NOTIFY_EVERY_MS = 50;
/** For a nudge that was lost with the process that owed it. */
const POLL_MS = 5_000;
const RECONNECT_MS = 1_000;

interface EventRow {
  first_id: number;
  last_id: number;
  at: number;
  workspace: string | null;
  sandbox_id: string | null;
  run_id: string | null;
  events: string;
}

/** One entry of a row's list; `runId` where it is not the row's. */
type Told = Pick<EventRecord, 'type' | 'data'> & { readonly runId?: string };

export interface Outbox extends EventStore {
  /** To be called after every commit that may have told something. */
  told(): void;
  close(): Promise<void>;
}

export function outbox(db: Database, databaseUrl: string, log: (line: string) => void): Outbox {
  const listeners = new Set<() => void>();
  let notifyTimer: NodeJS.Timeout | null = null;
  let notifying: Promise<unknown> = Promise.resolve();
  let listening: Listening | null = null;
  let closed = false;

  const nudge = () => {
    for (const listener of [...listeners]) listener();
  };
  const told = () => {
    if (listeners.size > 0) setImmediate(nudge);
    if (notifyTimer !== null || closed) return;
    notifyTimer = setTimeout(() => {
      notifyTimer = null;
      notifying = db.query(`SELECT pg_notify('${CHANNEL}', '')`).catch((error: Error) => log(`other replicas could not be nudged: ${error.message}`));
    }, NOTIFY_EVERY_MS);
    notifyTimer.unref();
  };

  return {
    told,
    eventsAfter: (id, limit, visible) => eventsAfter(db, id, limit, visible),
    addEvent: async (event) => {
      await db.query('SELECT tenon_tell($1, $2, $3, 1, $4)', [
        event.workspace,
        event.sandboxId,
        event.runId,
        toStorableJson([{ type: event.type, data: event.data }]),
      ]);
      told();
    },
    onEvents: (listener) => {
      // Each call has its own entry, also where one function listens twice.
      const entry = () => listener();
      listeners.add(entry);
      listening ??= listen(databaseUrl, nudge, log);
      return () => {
        listeners.delete(entry);
        if (listeners.size > 0) return;
        listening?.end();
        listening = null;
      };
    },
    close: async () => {
      closed = true;
      if (notifyTimer !== null) clearTimeout(notifyTimer);
      listeners.clear();
      listening?.end();
      listening = null;
      await notifying;
    },
  };
}

async function eventsAfter(db: Database, id: string | null, limit: number, visible: readonly string[] | null): ReturnType<EventStore['eventsAfter']> {
  const [state] = await db.query<{ newest: number; floor: number }>(
    'SELECT tenon_sequence_events() AS newest, (SELECT event_floor FROM installation) AS floor',
  );
  const newest = state?.newest ?? 0;
  const last = newest === 0 ? null : String(newest);
  if (id === null) return { reset: false, last, events: [] };
  const after = /^\d{1,15}$/.test(id) ? Number(id) : -1;
  if (after < (state?.floor ?? 0) || after > newest) return { reset: true, last, events: [] };
  if (after === newest) return { reset: false, last: last ?? id, events: [] };
  // Ids are dense: for one who sees all, the wanted events lie in the rows that begin within the limit.
  const rows = await db.query<EventRow>(
    `SELECT first_id, last_id, at, workspace, sandbox_id, run_id, events FROM event
     WHERE last_id > $1 AND last_id <= $2 AND ($3::text[] IS NULL OR workspace IS NULL OR workspace = ANY($3::text[]))
       AND ($3::text[] IS NOT NULL OR first_id <= $1::bigint + $4::int) ORDER BY last_id LIMIT $4::int`,
    [after, newest, visible, limit],
  );
  const found = rows.flatMap(toEvents).filter((event) => Number(event.id) > after);
  const events = found.slice(0, limit);
  // Where everything up to the newest was looked at, what was not shown need not be looked at again.
  const reached = visible === null ? (rows.at(-1)?.last_id ?? newest) === newest : rows.length < limit;
  return { reset: false, last: reached && found.length <= limit ? last : (events.at(-1)?.id ?? last), events };
}

function toEvents(row: EventRow): EventRecord[] {
  return (JSON.parse(row.events) as Told[]).map((event, place) => ({
    id: String(row.first_id + place),
    type: event.type,
    at: row.at,
    sandboxId: row.sandbox_id,
    runId: event.runId ?? row.run_id,
    workspace: row.workspace,
    data: event.data,
  }));
}

interface Listening {
  end(): void;
}

/** A connection of its own that hears other replicas; it comes back by itself, with a nudge for what it may have missed. */
function listen(databaseUrl: string, nudge: () => void, log: (line: string) => void): Listening {
  let ended = false;
  let client: pg.Client | null = null;
  let retry: NodeJS.Timeout | null = null;
  const poll = setInterval(nudge, POLL_MS);
  poll.unref();

  const again = () => {
    if (ended || retry !== null) return;
    client = null;
    retry = setTimeout(() => {
      retry = null;
      void open();
    }, RECONNECT_MS);
    retry.unref();
  };
  const open = async () => {
    const next = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000, keepAlive: true, application_name: 'tenon-events' });
    next.on('error', (error) => log(`the connection that hears events broke: ${error.message}`));
    next.on('end', again);
    next.on('notification', nudge);
    try {
      await next.connect();
      await next.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      log(`the connection that hears events could not be opened: ${error instanceof Error ? error.message : String(error)}`);
      await next.end().catch(() => undefined);
      again();
      return;
    }
    if (ended) await next.end();
    else {
      client = next;
      nudge();
    }
  };
  void open();
  return {
    end: () => {
      ended = true;
      clearInterval(poll);
      if (retry !== null) clearTimeout(retry);
      client?.end().catch((error: Error) => log(`the connection that hears events did not end cleanly: ${error.message}`));
    },
  };
}
