import { createHash } from 'node:crypto';
import type { Claims, JsonObject } from '@tenon/lifecycle';
import { parseSubnet, type Subnet } from './subnet.ts';

/** Its form only: whether the octets and the size make sense is said by `parseSubnet`, in words. */
const SUBNET: JsonObject = { type: 'string', pattern: '^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$' };

export const CONFIG_SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  anyOf: [{ required: ['subnet'] }, { required: ['tenants'] }],
  properties: {
    subnet: {
      description: 'IPv4 subnet of the tenant that uses this activation, such as 10.30.0.0/24 (from /16 to /30).',
      ...SUBNET,
    },
    tenants: {
      description: 'Subnets of tenants that share this activation, by tenant; a tenant that is not listed gets `subnet`.',
      type: 'object',
      minProperties: 1,
      maxProperties: 1000,
      additionalProperties: { ...SUBNET },
    },
    name: {
      description: 'Name of the network at the Engine. {tenant} stands for the tenant, so that no two tenants meet in one network.',
      type: 'string',
      default: 'tenon-{tenant}',
      pattern: '^([A-Za-z0-9][A-Za-z0-9_.-]{0,60})?\\{tenant\\}[A-Za-z0-9_.-]{0,60}$',
    },
    internal: { description: 'No route out of the network. Default true.', type: 'boolean', default: true },
  },
};

/** What one tenant's network is to be. */
export interface TenantNetwork {
  readonly tenant: string;
  readonly name: string;
  readonly subnet: Subnet;
  readonly internal: boolean;
}

/**
 * Works out the caller's network from the activation's config and the keys that it lets a request set.
 * Null: the request carries no tenant claim, or no subnet is configured for its tenant.
 * @throws TenonError `config_invalid` where the subnet is malformed, too small or too large.
 */
export function tenantNetwork(config: JsonObject, requestConfig: JsonObject, claims: Claims): TenantNetwork | { readonly missing: string } {
  const {
    subnet,
    tenants = {},
    name = 'tenon-{tenant}',
    internal = true,
  } = { ...config, ...requestConfig } as {
    subnet?: string;
    tenants?: Readonly<Record<string, string>>;
    name?: string;
    internal?: boolean;
  };
  const { tenant } = claims;
  if (tenant === undefined) {
    return {
      missing: 'container-network gives each tenant a network of its own, and this request carries no tenant claim: use a token whose claims name a tenant',
    };
  }
  const chosen = Object.hasOwn(tenants, tenant) ? tenants[tenant] : subnet;
  if (chosen === undefined)
    return { missing: `container-network has no subnet for tenant ${tenant}: add it to "tenants" of the activation's config, or set "subnet"` };
  return { tenant, name: name.replaceAll('{tenant}', tenantInName(tenant)), subnet: parseSubnet(chosen), internal };
}

/** A tenant as the Engine accepts it in a name; one that had to be changed carries a digest, so that no two become the same. */
function tenantInName(tenant: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(tenant)) return tenant;
  const readable =
    tenant
      .replaceAll(/[^A-Za-z0-9_.-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 40) || 'tenant';
  return `${readable}-${createHash('sha256').update(tenant).digest('hex').slice(0, 8)}`;
}
