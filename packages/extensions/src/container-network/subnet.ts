import { TenonError } from '@tenon/lifecycle';

/** An IPv4 subnet, parsed. Addresses are unsigned 32-bit numbers. */
export interface Subnet {
  readonly text: string;
  readonly network: number;
  readonly broadcast: number;
}

/** Larger ones would make a pool of more candidates than anyone looks through, smaller ones have no address left beside the gateway. */
const LARGEST = 16;
const SMALLEST = 30;

/**
 * Reads `10.30.0.0/24`.
 * @throws TenonError `config_invalid` that names the text, what is wrong with it, and what would do.
 */
export function parseSubnet(text: string): Subnet {
  const invalid = (why: string, hint: string): TenonError => new TenonError('config_invalid', `subnet ${text} ${why}`, { hint, pointer: '/config/subnet' });
  const [, address, bits] = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(text) ?? [];
  const octets = address?.split('.').map(Number) ?? [];
  if (bits === undefined || octets.some((octet) => octet > 255))
    throw invalid('is malformed', 'Write an IPv4 network and its prefix length, such as 10.30.0.0/24.');
  const prefix = Number(bits);
  if (prefix > SMALLEST) throw invalid(`is too small: a /${prefix} has no address left beside its gateway`, `Use /${SMALLEST} or larger.`);
  if (prefix < LARGEST) throw invalid(`is too large: a /${prefix} is more than one tenant's network holds`, `Use /${LARGEST} or smaller.`);
  const value = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const size = 2 ** (32 - prefix);
  const network = Math.floor(value / size) * size;
  if (network !== value) throw invalid('has host bits set', `Use ${dotted(network)}/${prefix}.`);
  return { text, network, broadcast: network + size - 1 };
}

/** Usable host addresses in order, without the gateway; where the Engine tells none, its habit is the first one. */
export function* hostsOf(subnet: Subnet, gateway: string | null): Generator<string> {
  const taken = gateway ?? dotted(subnet.network + 1);
  for (let host = subnet.network + 1; host < subnet.broadcast; host += 1) {
    const address = dotted(host);
    if (address !== taken) yield address;
  }
}

/** How many addresses `hostsOf` gives. */
export function hostCount(subnet: Subnet): number {
  return subnet.broadcast - subnet.network - 2;
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
