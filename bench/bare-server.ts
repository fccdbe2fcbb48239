/** The peer of G6: nothing but node:http and pg, the token look-up and the statements of a sandbox's REST read, the rows as JSON. Run by G6 alone. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import pg from 'pg';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 12 });

// The statements of the store, as it sends them.
const TOKEN_COLUMNS = 'id, name, role, workspaces, claims, assert_claims, hash, created_at, created_by, expires_at, revoked_at';
const RUN_COLUMNS = `id, sandbox_id, sandbox_name, workspace, driver, operation, status, waiting_for, force, reason, actor, request_id, trace_id,
  started_at, ended_at, first_error, cancelled_by, from_state, attempt_count, steps, preview`;
const SURROUNDINGS = `SELECT wanted.id AS of, (SELECT count(*) FROM effect WHERE sandbox_id = wanted.id AND state = 'owed') AS owed, r.*
  FROM unnest($1::text[]) AS wanted(id)
  LEFT JOIN LATERAL (SELECT ${RUN_COLUMNS} FROM run WHERE sandbox_id = wanted.id ORDER BY opened DESC LIMIT 1) AS r ON true`;

async function rows(name: string, text: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  return (await pool.query({ name, text, values })).rows;
}

async function read(authorization: string, id: string): Promise<string | null> {
  const hash = createHash('sha256').update(authorization.slice('Bearer '.length)).digest('hex');
  const [token] = await rows('token', `SELECT ${TOKEN_COLUMNS} FROM token WHERE hash = $1`, [hash]);
  if (token === undefined || token.revoked_at !== null) return null;
  const [sandbox] = await rows('sandbox', 'SELECT * FROM sandbox WHERE id = $1', [id]);
  if (sandbox === undefined) return null;
  const [around] = await rows('around', SURROUNDINGS, [[id]]);
  const { name, workspace, driver, chain, state, state_reason: stateReason, created_at: createdAt } = sandbox;
  return JSON.stringify({
    id,
    name,
    workspace,
    driver: { name: driver, chain },
    state,
    stateReason,
    blockedBy: null,
    createdAt,
    lastRun: { id: around?.id, operation: around?.operation, status: around?.status },
    owed: Number(around?.owed),
  });
}

const server = createServer((request, response) => {
  if (request.url === '/readyz') return void response.writeHead(200, { 'content-length': 0 }).end();
  read(request.headers.authorization ?? '', (request.url ?? '').split('/').at(-1) ?? '').then(
    (body) => {
      if (body === null) response.writeHead(404, { 'content-length': 0 }).end();
      else response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) }).end(body);
    },
    (error: unknown) => {
      console.error(error);
      response.writeHead(500, { 'content-length': 0 }).end();
    },
  );
});
server.listen(Number(process.env.TENON_PORT), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
