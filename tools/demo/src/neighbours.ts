import { createServer, type Server } from 'node:http';
import { CONTRACT, createHandler, type Manifest, pointer } from '@tenon/extension-sdk';

/** The two extensions out of process that the demo brings: manifest, and where its server answers. */
export interface Neighbour {
  readonly manifest: Manifest;
  readonly url: string;
}

const licences: Manifest = {
  contract: CONTRACT,
  name: 'licence-pool',
  revision: '1.4.0',
  description: 'Checks out a licence for each sandbox and gives it back',
  activation: { mode: 'global' },
  hooks: [
    { phase: 'before_create', deadlineMs: 3_000 },
    { phase: 'after_create', deadlineMs: 3_000 },
  ],
  effects: ['licence'],
  dryRunSafe: true,
};

const costs: Manifest = {
  contract: CONTRACT,
  name: 'cost-labels',
  revision: '0.9.2',
  description: 'Writes the cost centre on sandboxes that ask for it',
  activation: { mode: 'on_request', key: 'cost-labels' },
  hooks: [{ phase: 'prepare_plan', points: ['*.labels'], deadlineMs: 3_000 }],
  dryRunSafe: true,
  shadowSafe: true,
};

/** A sandbox of this name has its licence refused after it was checked out: the create is rolled back. */
export const ROLLED_BACK = 'reports';
/** The licence of a sandbox of this name is not taken back: its release is owed. */
export const OWED = 'nightly-etl';

/** Serves both on loopback, signed with the secret, until closed. */
export async function serveNeighbours(
  port: number,
  secret: string,
): Promise<{ readonly licences: Neighbour; readonly costs: Neighbour; close(): Promise<void> }> {
  const held = new Map<string, string>();
  const servers = [
    createServer(
      createHandler({
        manifest: licences,
        secret,
        hooks: {
          before_create({ sandbox }, { log }) {
            const seat = `seat-${held.size + 1}`;
            held.set(sandbox.id, seat);
            log.info(`checked out ${seat} for ${sandbox.workspace}`);
            return { effects: [{ kind: 'licence', key: 'editor', handle: { seat } }] };
          },
          after_create({ sandbox }) {
            if (sandbox.name !== ROLLED_BACK) return {};
            return { result: 'fail', code: 'seat_revoked', message: 'the licence server revoked the seat: its contract ended' };
          },
        },
        release({ sandbox, effects }) {
          if (sandbox.name === OWED)
            return { released: [], failed: effects.map(({ key }) => ({ key, message: 'the licence server is in maintenance until 06:00' })) };
          held.delete(sandbox.id);
          return { released: effects.map(({ key }) => key), failed: [] };
        },
      }),
    ),
    createServer(
      createHandler({
        manifest: costs,
        secret,
        hooks: {
          prepare_plan({ plan, sandbox }) {
            const labels = plan.open.find(({ point }) => point.endsWith('.labels'));
            if (labels === undefined) return { warnings: ['labels are not open here'] };
            return {
              message: 'finance bills by cost centre',
              patches: [{ op: 'add', path: labels.path + pointer('attribution/workspace'), value: `cc-${sandbox.workspace}` }],
            };
          },
        },
      }),
    ),
  ];
  await Promise.all(servers.map((server, index) => listen(server, port + index)));
  const [first, second] = [port, port + 1].map((each) => `http://127.0.0.1:${each}`);
  return {
    licences: { manifest: licences, url: first ?? '' },
    costs: { manifest: costs, url: second ?? '' },
    close: async () => {
      await Promise.all(
        servers.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
              server.closeAllConnections();
            }),
        ),
      );
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`port ${port} for a demo extension: ${error.message}; choose another with --port`, { cause: error })));
    server.listen(port, '127.0.0.1', resolve);
  });
}
