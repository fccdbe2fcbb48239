import { createHash } from 'node:crypto';
import { type AccessStore, type AuditFilter, newId, TenonError, toStorableJson } from '@tenon/lifecycle';
import { type Database, storableText } from './database.ts';
import { Prisma } from './generated/client.ts';
import { Conditions, pageOf } from './keyset.ts';
import { type AuditRow, type TokenRow, toAudit, toToken } from './rows.ts';

const TOKEN_COLUMNS = 'id, name, role, workspaces, claims, assert_claims, hash, created_at, created_by, expires_at, revoked_at';
/** Longer than any request waits: a key still in flight after it belongs to a process that died. */
const IN_FLIGHT = "interval '15 minutes'";
const KEPT = "interval '24 hours'";

/** Tokens, sessions, audit and idempotency keys. What every request reads (a token by its hash) is SQL on the pool. */
export function accessStore(db: Database): AccessStore {
  const { prisma } = db;
  const token = async (column: 'id' | 'hash', value: string) => {
    const [row] = await db.query<TokenRow>(`SELECT ${TOKEN_COLUMNS} FROM token WHERE ${column} = $1`, [value]);
    return row === undefined ? null : toToken(row);
  };

  return {
    addToken: async (record) => {
      try {
        await db.query(`INSERT INTO token (${TOKEN_COLUMNS}) VALUES ($1, $2, $3, $4::jsonb, $5::jsonb, $6, $7, tenon_now(), $8, tenon_at($9), tenon_at($10))`, [
          record.id,
          record.name,
          record.role,
          record.workspaces === null ? null : toStorableJson(record.workspaces),
          toStorableJson(record.claims),
          record.assertClaims,
          record.hash,
          record.createdBy,
          record.expiresAt,
          record.revokedAt,
        ]);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === '23505') {
          throw new TenonError('internal', `A token with the id ${record.id} or its hash exists already.`, {}, error);
        }
        throw error;
      }
    },
    listTokens: (page) =>
      pageOf<TokenRow, ReturnType<typeof toToken>>(
        db,
        {
          list: 'tokens',
          table: 'token',
          columns: TOKEN_COLUMNS,
          at: 'created_at',
          order: 'newest',
          decode: toToken,
          keyOf: ({ createdAt, id }) => ({ at: createdAt, id }),
        },
        new Conditions(),
        page,
      ),
    getToken: (id) => token('id', id),
    tokenByHash: (hash) => token('hash', hash),
    revokeToken: async (id, at) => {
      const changed = await prisma.token.updateMany({ where: { id: storableText(id), revokedAt: null }, data: { revokedAt: new Date(at) } });
      return changed.count === 1;
    },
    countTokens: () => prisma.token.count(),

    addSession: async (session) => {
      if ((await prisma.token.count({ where: { id: storableText(session.tokenId) } })) === 0) {
        throw new TenonError('not_found', `There is no token ${session.tokenId} for a session.`);
      }
      await prisma.session.create({
        data: { hash: session.hash, id: session.id, tokenId: session.tokenId, createdAt: new Date(session.createdAt), expiresAt: new Date(session.expiresAt) },
      });
    },
    sessionByHash: async (hash) => {
      const columns = TOKEN_COLUMNS.split(', ').map((column) => `t.${column}`);
      const [row] = await db.query<TokenRow & { session_id: string; session_created_at: number; session_expires_at: number }>(
        `SELECT ${columns.join(', ')}, s.id AS session_id, s.created_at AS session_created_at, s.expires_at AS session_expires_at
         FROM session s JOIN token t ON t.id = s.token_id WHERE s.hash = $1`,
        [hash],
      );
      if (row === undefined) return null;
      return {
        session: { id: row.session_id, tokenId: row.id, hash, createdAt: row.session_created_at, expiresAt: row.session_expires_at },
        token: toToken(row),
      };
    },
    removeSession: async (hash) => {
      await prisma.session.deleteMany({ where: { hash: storableText(hash) } });
    },

    addAudit: async (record) => {
      await prisma.audit.create({
        data: {
          id: newId(),
          actor: storableText(record.actor),
          action: record.action,
          objectKind: record.object.kind,
          objectName: storableText(record.object.name),
          outcome: record.outcome,
          reason: record.reason === null ? null : storableText(record.reason),
          before: nullable(record.before),
          after: nullable(record.after),
          requestId: storableText(record.requestId),
          runIds: [...record.runIds],
          workspace: record.workspace === null ? null : storableText(record.workspace),
        },
      });
    },
    listAudit: (filter, page) =>
      pageOf<AuditRow, ReturnType<typeof toAudit>>(
        db,
        { list: 'audit', table: 'audit', columns: '*', at: 'at', order: 'newest', decode: toAudit, keyOf: ({ at, id }) => ({ at, id }) },
        auditConditions(filter),
        page,
      ),

    beginIdempotent: async (key, scope, bodyDigest) => {
      // One statement: a row that is too old is taken over as if it were not there; else what stands is read back.
      const place = placeOf(key, scope);
      const [begun] = await db.query<{ place: string }>(
        `INSERT INTO idempotency AS i (place, digest, begun_at) VALUES ($1, $2, tenon_now())
         ON CONFLICT (place) DO UPDATE SET digest = excluded.digest, begun_at = excluded.begun_at, answer = NULL
         WHERE i.begun_at < clock_timestamp() - CASE WHEN i.answer IS NULL THEN ${IN_FLIGHT} ELSE ${KEPT} END
         RETURNING place`,
        [place, bodyDigest],
      );
      if (begun !== undefined) return { state: 'new' };
      const [row] = await db.query<{ digest: string; answer: Parameters<AccessStore['endIdempotent']>[2] }>(
        'SELECT digest, answer FROM idempotency WHERE place = $1',
        [place],
      );
      // Gone in between: its request failed and left the key free. The caller is told to come back.
      if (row === undefined) return { state: 'busy' };
      if (row.digest !== bodyDigest) return { state: 'other' };
      return row.answer === null ? { state: 'busy' } : { state: 'done', ...row.answer };
    },
    endIdempotent: async (key, scope, answer) => {
      const place = placeOf(key, scope);
      if (answer === null) await db.query('DELETE FROM idempotency WHERE place = $1', [place]);
      else await db.query('UPDATE idempotency SET answer = $2::jsonb WHERE place = $1', [place, toStorableJson(answer)]);
    },
  };
}

/** A key may be as long as a header may be; its digest is what is kept. */
function placeOf(key: string, scope: string): string {
  return createHash('sha256')
    .update(JSON.stringify([scope, key]))
    .digest('hex');
}

function nullable(value: unknown): Prisma.InputJsonValue | typeof Prisma.DbNull {
  return value === null ? Prisma.DbNull : (JSON.parse(toStorableJson(value)) as Prisma.InputJsonValue);
}

function auditConditions(filter: AuditFilter): Conditions {
  return new Conditions()
    .visible(filter.visible, 'workspace')
    .add(filter.actor, (p) => `actor = ${p}`)
    .add(filter.action, (p) => `action = ${p}`)
    .add(filter.objectKind, (p) => `object_kind = ${p}`)
    .add(filter.objectName, (p) => `object_name = ${p}`)
    .add(filter.runId, (p) => `run_ids @> ARRAY[${p}]::text[]`)
    .within('at', filter.from, filter.to);
}
