import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { newId } from '@tenon/lifecycle';
import { BackendAbsent, type Outcome } from './figures.ts';
import { freePort, requestsPerSecond, startServer } from './loopback.ts';
import { withDatabase } from './postgres.ts';
import { compare } from './rounds.ts';

const GOAL = { name: 'G6', bound: '>=', limit: 0.75 } as const;
const CONNECTIONS = 8;
const REQUESTS = 600;

/** `GET /api/v1/sandboxes/{id}` with a bearer token, requests per second over node:http that does the same look-up and SQL. Both are processes of their own. */
export async function g6RestRead(): Promise<readonly Outcome[]> {
  // The goals run from bench/dist/<run>; the built API stands beside the bench.
  const api = fileURLToPath(new URL('../../../apps/api/dist/main.mjs', import.meta.url));
  if (!existsSync(api)) throw new BackendAbsent('build', 'the API is not built: run `npm run build`');
  return withDatabase(async ({ databaseUrl, pool }) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'tenon-bench-api-'));
    const token = randomBytes(24).toString('base64url');
    const id = newId();
    await pool.query(
      `INSERT INTO sandbox (id, name, workspace, driver, chain, state, request, record, extensions, created_at, created_by)
       VALUES ($1, 'demo', 'default', 'process', '["process"]', 'ready', $2, $3, '{}', now(), '{"kind":"token","name":"bench","role":"admin"}')`,
      [id, REQUEST, { decidedAt: Date.now(), claims: {}, claimsSource: 'token', extensions: [], passedOver: [] }],
    );
    await pool.query(
      `INSERT INTO run (id, sandbox_id, sandbox_name, workspace, driver, operation, status, actor, request_id, trace_id, started_at, ended_at, lease_until)
       VALUES ($1, $2, 'demo', 'default', 'process', 'create', 'succeeded', '{"kind":"token","name":"bench","role":"admin"}', 'bench', md5('1'), now(), now(), now())`,
      [newId(), id],
    );
    const environment = {
      NODE_ENV: 'production',
      DATABASE_URL: databaseUrl,
      TENON_BOOTSTRAP_TOKEN: token,
      TENON_DATA_DIR: dataDir,
      TENON_DRIVERS: 'process',
      TENON_WEB: 'off',
      TENON_LOG_LEVEL: 'warn',
      TENON_WORKING_DIR: dataDir,
    };
    const start = async (program: string) => {
      const port = await freePort();
      return startServer(program, { ...environment, TENON_PORT: String(port) }, port, '/readyz');
    };
    const ours = await start(api);
    try {
      const peer = await start(fileURLToPath(new URL('./bare-server.mjs', import.meta.url)));
      try {
        const path = `/api/v1/sandboxes/${id}`;
        const ask = (port: number) => requestsPerSecond({ port, path, token, connections: CONNECTIONS, count: REQUESTS });
        const compared = await compare(
          41,
          () => ask(ours.port),
          () => ask(peer.port),
        );
        const detail = `${CONNECTIONS} connections: Tenon ${Math.round(compared.ours)} requests/s, node:http with the same look-up and SQL ${Math.round(compared.peer)}`;
        return [{ goal: GOAL, figure: compared.ratio, detail }];
      } finally {
        await peer.stop();
      }
    } finally {
      await ours.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
}

const REQUEST = {
  name: 'demo',
  workspace: 'default',
  driver: 'process',
  template: { image: null, labels: { team: 'red' }, environment: {}, resources: { cpuLimit: '500m' }, driverConfig: {}, platformConfig: {} },
  command: ['sleep', '3600'],
  environment: { A: '1' },
  gpu: null,
  tty: false,
  claims: {},
  extensionConfig: {},
};
