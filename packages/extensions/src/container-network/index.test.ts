import { type ContainerNetworks, checkConfig, type Json, type LeasesApi, type SharedApi, TenonError } from '@tenon/lifecycle';
import { describe, expect, it } from 'vitest';
import { callHook, type TestCall } from '../../testing/call-hook.ts';
import { containerNetwork } from './index.ts';

const open = [{ point: 'docker.networks', path: '/networks' }];
const acme = { tenant: 'acme' };

/** Doors that do what the engine's do in the simplest case, and say what they were asked. */
function doors(handle: { name?: string; subnet?: string; gateway?: string | null } = {}, taken: readonly string[] = []) {
  const asked: { shared: unknown[]; leases: unknown[] } = { shared: [], leases: [] };
  const shared: SharedApi = {
    async ensure<H extends Json>(kind: string, key: string, input: Json) {
      asked.shared.push({ kind, key, input });
      const { name, subnet } = input as { name: string; subnet: string };
      return { id: 'n1', name, subnet, gateway: subnet.replace(/\.\d+\/\d+$/, '.1'), ...handle } as unknown as H;
    },
  };
  const leases: LeasesApi = {
    async acquire(pool, key, candidates) {
      asked.leases.push({ pool, key });
      for (const candidate of candidates) if (!taken.includes(candidate)) return candidate;
      throw new TenonError('resource_exhausted', 'none free');
    },
  };
  return { asked, shared, leases };
}

const attach = (call: Partial<TestCall>) =>
  callHook(containerNetwork, { phase: 'before_create', config: { subnet: '10.30.0.0/24' }, claims: acme, open, plan: { networks: [] }, ...call });

describe('before_create', () => {
  it("joins the tenant's network at the first free address and attaches it", async () => {
    const { asked, ...given } = doors({}, ['10.30.0.2']);
    const { plan, answer } = await attach(given);
    expect(plan).toEqual({ networks: [{ name: 'tenon-acme', ipv4: '10.30.0.3', aliases: ['demo'] }] });
    expect(answer.message).toBe('joined tenon-acme as 10.30.0.3');
    expect(asked).toEqual({
      shared: [{ kind: 'network', key: 'docker/acme', input: { name: 'tenon-acme', subnet: '10.30.0.0/24', internal: true } }],
      leases: [{ pool: 'docker/tenon-acme', key: 'ipv4' }],
    });
  });

  it('leaves out the gateway that the Engine tells', async () => {
    const { plan } = await attach({ ...doors({ gateway: '10.30.0.2' }, ['10.30.0.1']), config: { subnet: '10.30.0.0/29' } });
    expect(plan).toMatchObject({ networks: [{ ipv4: '10.30.0.3' }] });
  });

  it('takes subnet, name and reach from the config, and the subnet from the request where the activation lets it', async () => {
    const { asked, ...given } = doors();
    const config = { name: 'lab.{tenant}.net', tenants: { acme: '10.40.0.0/24' }, subnet: '10.30.0.0/24', internal: false };
    await attach({ ...given, config });
    await attach({ ...given, config: { subnet: '10.30.0.0/24' }, requestConfig: { subnet: '10.50.0.0/24' } });
    expect(asked.shared).toMatchObject([
      { input: { name: 'lab.acme.net', subnet: '10.40.0.0/24', internal: false } },
      { input: { name: 'tenon-acme', subnet: '10.50.0.0/24', internal: true } },
    ]);
  });

  it('gives tenants whose names the Engine would refuse names of their own that it takes', async () => {
    const { asked, ...given } = doors();
    for (const tenant of ['Acme Corp', 'Acme/Corp', '日本']) await attach({ ...given, claims: { tenant } });
    const names = asked.shared.map((ask) => (ask as { input: { name: string } }).input.name);
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^tenon-[A-Za-z0-9][A-Za-z0-9_.-]*$/);
  });

  it('makes nothing without a tenant claim', async () => {
    const { asked, ...given } = doors();
    const { answer } = await attach({ ...given, claims: { user: 'jo' } });
    expect(answer).toMatchObject({ result: 'deny', code: 'tenant_network_missing', edit: null });
    expect(answer.message).toContain('use a token whose claims name a tenant');
    expect(asked.shared).toEqual([]);
  });

  it('makes nothing for a tenant that has no subnet', async () => {
    const { answer } = await attach({ ...doors(), config: { tenants: { beta: '10.40.0.0/24' } } });
    expect(answer).toMatchObject({ result: 'deny', code: 'tenant_network_missing' });
    expect(answer.message).toContain('no subnet for tenant acme');
  });

  it('makes nothing with a subnet that cannot be one', async () => {
    const { asked, ...given } = doors();
    await expect(attach({ ...given, config: { subnet: '10.30.0.0/31' } })).rejects.toMatchObject({ code: 'config_invalid' });
    expect(asked.shared).toEqual([]);
  });

  it('says which subnet is used up, and what helps', async () => {
    const { answer } = await attach({ ...doors({}, ['10.30.0.2']), config: { subnet: '10.30.0.0/30' } });
    expect(answer).toMatchObject({ result: 'deny', resourceExhausted: true, code: 'addresses_exhausted' });
    expect(answer.message).toBe('all 1 addresses of 10.30.0.0/30 in network tenon-acme are taken: delete sandboxes of tenant acme, or give it a larger subnet');
  });

  it('refuses to join a network that is not the one wanted', async () => {
    const { answer } = await attach(doors({ subnet: '10.99.0.0/24' }));
    expect(answer).toMatchObject({ result: 'deny', code: 'network_differs', edit: null });
  });

  it('hands on what else the doors throw', async () => {
    const leases: LeasesApi = {
      acquire: async () => {
        throw new TenonError('store_unavailable', 'no database');
      },
    };
    await expect(attach({ ...doors(), leases })).rejects.toMatchObject({ code: 'store_unavailable' });
  });
});

describe('validate_request', () => {
  const judge = (call: Partial<TestCall>) =>
    callHook(containerNetwork, { phase: 'validate_request', config: { subnet: '10.30.0.0/24' }, claims: acme, ...call });

  it('accepts what before_create can do, and refuses the rest early', async () => {
    expect((await judge({})).answer.result).toBe('ok');
    expect((await judge({ claims: {} })).answer.result).toBe('deny');
    await expect(judge({ config: { subnet: '10.30.0.7/24' } })).rejects.toMatchObject({ code: 'config_invalid' });
  });
});

describe('the network as a shared thing', () => {
  const network = containerNetwork.shared.network;
  const signal = new AbortController().signal;
  const input = { name: 'tenon-acme', subnet: '10.30.0.0/24', internal: true };

  function engine() {
    const calls: unknown[] = [];
    const container_networks: ContainerNetworks = {
      ensure: async ({ signal: _, ...call }) => {
        calls.push(call);
        return { id: 'n1', name: call.name, subnet: call.subnet, gateway: '10.30.0.1' };
      },
      remove: async ({ name }) => {
        calls.push({ remove: name });
      },
      list: async () => [
        { name: 'tenon-acme', labels: { 'tenon.dev/extension': 'container-network', 'tenon.dev/network': 'docker/acme' } },
        { name: 'foreign', labels: {} },
      ],
    };
    return { calls, services: { container_networks } };
  }

  it('is made with labels by which it is found again', async () => {
    const { calls, services } = engine();
    const handle = await network?.apply({ key: 'docker/acme', input, idempotencyKey: 'k', signal }, services);
    expect(handle).toEqual({ id: 'n1', name: 'tenon-acme', subnet: '10.30.0.0/24', gateway: '10.30.0.1' });
    expect(calls).toEqual([{ ...input, labels: { 'tenon.dev/extension': 'container-network', 'tenon.dev/network': 'docker/acme' } }]);
  });

  it("is removed by the ledger's row alone, also where the answer of its making was lost", async () => {
    const { calls, services } = engine();
    await network?.release({ key: 'docker/acme', input, handle: null, idempotencyKey: 'k', signal }, services);
    expect(calls).toEqual([{ remove: 'tenon-acme' }]);
  });

  it('is not given up as released while the driver is away', async () => {
    await expect(network?.release({ key: 'docker/acme', input, handle: null, idempotencyKey: 'k', signal }, {})).rejects.toMatchObject({
      code: 'driver_unavailable',
    });
  });

  it('is listed for the audit, without foreign ones', async () => {
    expect(await network?.list?.(engine().services)).toEqual([{ key: 'docker/acme', sandboxId: null }]);
  });
});

describe('the config', () => {
  it.each([{}, { subnet: 'large' }, { subnet: '10.30.0.0/24', name: 'same-for-all' }, { subnet: '10.30.0.0/24', extra: 1 }])(
    'refuses %j when the activation is saved',
    (config) => {
      expect(() => checkConfig(containerNetwork.manifest.configSchema, config as never)).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    },
  );

  it.each([{ subnet: '10.30.0.0/24' }, { tenants: { acme: '10.30.0.0/24' } }, { subnet: '10.30.0.0/24', name: '{tenant}', internal: false }])(
    'accepts %j',
    (config) => {
      expect(() => checkConfig(containerNetwork.manifest.configSchema, config)).not.toThrow();
    },
  );
});
