import { createHash } from 'node:crypto';
import { type SharedId, SharedLost, type SharedThing, type SharedThings, toStorableJson } from '@tenon/lifecycle';
import type { Database } from './database.ts';

interface ThingRow {
  extension: string;
  kind: string;
  key: string;
  generation: number;
  state: SharedThing['state'];
  input: SharedThing['input'];
  handle: SharedThing['handle'];
  holders: SharedThing['holders'];
  token: number;
}

const HELD = 'place = $1 AND token = $2 AND locked';

/** Shared things: a row each, held by a lease of the database's clock and fenced by its token. */
export function sharedThings(db: Database): SharedThings {
  return {
    lock: async (id, leaseMs) => {
      const [row] = await db.query<ThingRow>(
        `INSERT INTO shared_thing AS t (place, extension, kind, key, token, locked, until) VALUES ($1, $2, $3, $4, 1, true, tenon_later($5))
         ON CONFLICT (place) DO UPDATE SET token = t.token + 1, locked = true, until = tenon_later($5)
         WHERE NOT t.locked OR t.until <= clock_timestamp() RETURNING t.*`,
        [placeOf(id), id.extension, id.kind, id.key, leaseMs],
      );
      return row === undefined ? null : { token: row.token, thing: toThing(row) };
    },
    write: async (id, token, change) => {
      const [row] = await db.query<ThingRow>(
        `UPDATE shared_thing SET
           state = CASE WHEN $3::jsonb ? 'state' THEN $3::jsonb->>'state' ELSE state END,
           generation = CASE WHEN $3::jsonb ? 'generation' THEN ($3::jsonb->>'generation')::int ELSE generation END,
           input = CASE WHEN $3::jsonb ? 'input' THEN nullif($3::jsonb->'input', 'null') ELSE input END,
           handle = CASE WHEN $3::jsonb ? 'handle' THEN nullif($3::jsonb->'handle', 'null') ELSE handle END,
           holders = CASE WHEN $3::jsonb ? 'holders' THEN $3::jsonb->'holders' ELSE holders END
         WHERE ${HELD} RETURNING *`,
        [placeOf(id), token, toStorableJson(change)],
      );
      if (row === undefined) throw new SharedLost(id);
      return toThing(row);
    },
    renew: async (id, token, leaseMs) => {
      const rows = await db.query(`UPDATE shared_thing SET until = tenon_later($3) WHERE ${HELD} RETURNING place`, [placeOf(id), token, leaseMs]);
      return rows.length === 1;
    },
    unlock: async (id, token) => {
      await db.query(`UPDATE shared_thing SET locked = false WHERE ${HELD}`, [placeOf(id), token]);
    },
    list: async () => {
      const rows = await db.query<ThingRow>("SELECT * FROM shared_thing WHERE state <> 'absent' OR holders <> '[]' ORDER BY extension, kind, key");
      return rows.map(toThing);
    },
  };
}

/** Keys come from extensions and may be long: their digest is the row's key. */
function placeOf(id: SharedId): string {
  return createHash('sha256')
    .update(JSON.stringify([id.extension, id.kind, id.key]))
    .digest('hex');
}

function toThing(row: ThingRow): SharedThing {
  return {
    extension: row.extension,
    kind: row.kind,
    key: row.key,
    generation: row.generation,
    state: row.state,
    input: row.input,
    handle: row.handle,
    holders: row.holders,
  };
}
