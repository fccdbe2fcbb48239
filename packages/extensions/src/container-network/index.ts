import { type DriverServices, defineExtension, type EffectDefinition, type HookContextOf, type HookReply, TenonError } from '@tenon/lifecycle';
import { hostCount, hostsOf, parseSubnet } from './subnet.ts';
import { CONFIG_SCHEMA, tenantNetwork } from './tenant-network.ts';

const EXTENSION_LABEL = 'tenon.dev/extension';
const KEY_LABEL = 'tenon.dev/network';
const NAME = 'container-network';

/** The part of a container plan that this extension fills. */
interface ContainerPlan {
  networks: { name: string; ipv4: string | null; aliases: string[] }[];
}

interface NetworkInput {
  readonly name: string;
  readonly subnet: string;
  readonly internal: boolean;
}
type NetworkHandle = { id: string; name: string; subnet: string; gateway: string | null };

/** A tenant's network at the Engine: made with its first holder, removed with its last. Its name is its identity there, so no handle is needed to remove it. */
const network: EffectDefinition = {
  async apply({ key, input, signal }, services) {
    const { name, subnet, internal } = input as unknown as NetworkInput;
    return networks(services).ensure({ name, subnet, internal, labels: { [EXTENSION_LABEL]: NAME, [KEY_LABEL]: key }, signal });
  },
  async release({ key, input, signal }, services) {
    if (input === null)
      throw new TenonError('internal', `the record of network ${key} has no input, so its name is not known`, {
        hint: `Remove the network labelled ${KEY_LABEL}=${key} by hand, then waive this effect.`,
      });
    const { name } = input as unknown as NetworkInput;
    await networks(services).remove({ name, signal });
  },
  async list(services) {
    const all = await networks(services).list();
    return all.flatMap(({ labels }) =>
      labels[EXTENSION_LABEL] === NAME && labels[KEY_LABEL] !== undefined ? [{ key: labels[KEY_LABEL], sandboxId: null }] : [],
    );
  },
};

/**
 * Puts a sandbox into its tenant's own network, at an address of its own. The network is shared by all the tenant's sandboxes and goes
 * with the last of them; the address is a lease; both are in the ledger, so they are given back in every case.
 */
export const containerNetwork = defineExtension<ContainerPlan>({
  name: NAME,
  revision: '1.0.0',
  description: "A network for each tenant's sandboxes, and an address in it for each sandbox.",
  activation: { mode: 'on_request', key: NAME },
  drivers: ['docker'],
  configSchema: CONFIG_SCHEMA,
  dryRunSafe: true,
  shadowSafe: true,
  cleansUp: '^1',
  shared: { network },
  hooks: {
    validate_request: { deadlineMs: 2_000, run: judgeRequest },
    before_create: { deadlineMs: 30_000, points: ['docker.networks'], features: ['container_networks'], run: attach },
  },
});

/** What is wrong with claims or config is said before anything is made, and in a dry run too. */
function judgeRequest(ctx: HookContextOf<ContainerPlan>): HookReply | undefined {
  const wanted = tenantNetwork(ctx.config, ctx.requestConfig, ctx.claims);
  return 'missing' in wanted ? { result: 'deny', code: 'tenant_network_missing', message: wanted.missing } : undefined;
}

async function attach(ctx: HookContextOf<ContainerPlan>): Promise<HookReply | undefined> {
  const wanted = tenantNetwork(ctx.config, ctx.requestConfig, ctx.claims);
  if ('missing' in wanted) return { result: 'deny', code: 'tenant_network_missing', message: wanted.missing };
  // Two names may lead to one Engine (a wrapper and its base): the base is where the network stands.
  const engine = ctx.driver.chain.at(-1) ?? ctx.driver.name;
  const key = `${engine}/${wanted.tenant}`;
  const input: NetworkInput = { name: wanted.name, subnet: wanted.subnet.text, internal: wanted.internal };
  const made = await ctx.shared.ensure<NetworkHandle>('network', key, { ...input });
  if (made.subnet !== wanted.subnet.text || made.name !== wanted.name) {
    return {
      result: 'deny',
      code: 'network_differs',
      message: `tenant ${wanted.tenant} has network ${made.name} with subnet ${made.subnet}, and this sandbox would have ${wanted.name} with ${wanted.subnet.text}: use the same, or delete the tenant's sandboxes first`,
    };
  }
  const ipv4 = await acquire(ctx, `${engine}/${made.name}`, made);
  if (ipv4 === null) {
    return {
      result: 'deny',
      resourceExhausted: true,
      code: 'addresses_exhausted',
      message: `all ${hostCount(wanted.subnet)} addresses of ${made.subnet} in network ${made.name} are taken: delete sandboxes of tenant ${wanted.tenant}, or give it a larger subnet`,
    };
  }
  ctx.plan.networks.push({ name: made.name, ipv4, aliases: [ctx.sandbox.name] });
  return { message: `joined ${made.name} as ${ipv4}` };
}

async function acquire(ctx: HookContextOf<ContainerPlan>, pool: string, made: NetworkHandle): Promise<string | null> {
  try {
    return await ctx.leases.acquire(pool, 'ipv4', hostsOf(parseSubnet(made.subnet), made.gateway));
  } catch (thrown) {
    if (thrown instanceof TenonError && thrown.code === 'resource_exhausted') return null;
    throw thrown;
  }
}

function networks(services: Partial<DriverServices>): DriverServices['container_networks'] {
  if (services.container_networks) return services.container_networks;
  throw new TenonError('driver_unavailable', 'the driver offers no container networks now', {
    hint: 'Bring the Engine back; the release is tried again by itself.',
  });
}
