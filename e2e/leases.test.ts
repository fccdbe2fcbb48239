import { randomBytes, randomInt } from 'node:crypto';
import { SandboxRunView, TokenIssuedView } from '@tenon/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendAnswers, dockerAbsence } from './backends.ts';
import { type Client, problemIn } from './harness/client.ts';
import { type EngineState, engineState, onlyContainerOf } from './harness/docker.ts';
import { ExtensionServer } from './harness/extension-server.ts';
import { Product } from './harness/product.ts';

/** A tenant's network and its addresses under load: `container-network`, as it ships, on a real Docker. */

const COMMAND = ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'];
/** A pool of 64 addresses, of which the Engine keeps three to itself. */
const POOL = 64;
const FINE = 50;
const DOOMED = 8;

describe.runIf(backendAnswers('docker', await dockerAbsence()))('container-network', () => {
  const tenant = `t${randomBytes(4).toString('hex')}`;
  const network = `tenon-${tenant}`;
  const prefix = `10.${randomInt(120, 200)}.${randomInt(0, 256)}`;
  let product: Product;
  let api: Client;
  let before: EngineState;
  let breaker: ExtensionServer;

  beforeAll(async () => {
    before = await engineState();
    product = await Product.start({ drivers: 'docker', config: { limits: { breakerFailures: 1_000 } } });
    const root = product.api;
    breaker = await ExtensionServer.listen({
      manifest: {
        name: 'doom',
        revision: '1.0.0',
        activation: { mode: 'global' },
        hooks: [{ phase: 'after_create' }],
      },
      behave: ({ sandbox }) => (sandbox.name.startsWith('doomed-') ? { does: 'answer', answer: { result: 'fail', message: 'as told' } } : null),
    });
    await root.register(breaker.manifest, breaker.transport);
    await root.activate({ extension: 'doom' });
    const common = { extension: 'container-network', grant: {} };
    await root.activate({ ...common, scope: { workspaces: ['many'] }, config: { subnet: `${prefix}.0/26` } });
    await root.activate({ ...common, scope: { workspaces: ['few'] }, config: { subnet: `${prefix}.128/29`, name: 'small-{tenant}' } });
    const { token } = await root.get(TokenIssuedView, 'POST /tokens', { body: { name: 'tenant', role: 'operator', claims: { tenant } } });
    api = root.as(token);
  });

  afterAll(async () => {
    await breaker?.close();
    await product?.remove();
  });

  const body = (workspace: string, name: string) => ({
    name,
    workspace,
    driver: 'docker',
    template: { image: 'busybox:1', labels: { 'openshell.io/extension.container-network': 'enabled' } },
    command: COMMAND,
  });

  it(`gives ${FINE} sandboxes that are created at once ${FINE} addresses of ${POOL}, and takes every one back`, async () => {
    const fine = Array.from({ length: FINE }, (_, index) => api.ask('POST /sandboxes?wait=170s', { body: body('many', `fine-${index}`) }));
    const doomed = Array.from({ length: DOOMED }, (_, index) => api.ask('POST /sandboxes?wait=170s', { body: body('many', `doomed-${index}`) }));
    const ids: string[] = [];
    for (const answer of await Promise.all(fine)) {
      expect(answer.status, answer.text).toBe(201);
      const { sandbox } = SandboxRunView.parse(answer.data);
      expect(sandbox.state).toBe('ready');
      ids.push(sandbox.id);
    }
    for (const answer of await Promise.all(doomed)) {
      expect(problemIn(answer)).toMatchObject({ code: 'hook_failed', extension: 'doom', phase: 'after_create' });
    }
    // What the Engine says of the containers is what counts, not what the ledger says.
    const addresses = await Promise.all(ids.map(async (id) => (await onlyContainerOf(id)).NetworkSettings.Networks[network]?.IPAddress ?? ''));
    for (const address of addresses) expect(address).toMatch(new RegExp(`^${prefix.replaceAll('.', '\\.')}\\.\\d+$`));
    expect(new Set(addresses).size).toBe(FINE);
    const leases = (await product.api.effects('state=applied&extension=container-network')).filter(({ kind }) => kind.startsWith('lease:'));
    expect(leases).toHaveLength(FINE);
    expect((await engineState()).networks).toContain(network);

    const [last, ...others] = ids;
    await Promise.all(others.map((id) => api.delete(id)));
    expect((await engineState()).networks, 'the network stays while one holds it').toContain(network);
    await api.delete(last ?? '');
    expect(await product.api.effects('state=applied,intended,owed')).toEqual([]);
    expect(await product.query('SELECT * FROM lease')).toEqual([]);
    expect(await engineState()).toEqual(before);
  }, 400_000);

  it('refuses the one for which no address is left, and serves it once another has gone', async () => {
    // Eight addresses: network, broadcast, gateway, and five for sandboxes.
    const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => api.ask('POST /sandboxes?wait=60s', { body: body('few', `few-${index}`) })));
    const made = answers.filter(({ status }) => status === 201).map(({ data }) => SandboxRunView.parse(data).sandbox.id);
    expect(made).toHaveLength(5);
    const refused = answers.find(({ status }) => status !== 201);
    if (refused === undefined) throw new Error('nobody was refused');
    expect(problemIn(refused)).toMatchObject({ status: 429, code: 'resource_exhausted', extension: 'container-network', hookCode: 'addresses_exhausted' });
    const [first, ...others] = made;
    await api.delete(first ?? '');
    const { sandbox } = await api.create(body('few', 'few-again'));
    await Promise.all([sandbox.id, ...others].map((id) => api.delete(id)));
    expect(await engineState()).toEqual(before);
  });
});
