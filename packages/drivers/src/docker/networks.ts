import { type ContainerNetworks, TenonError } from '@tenon/lifecycle';
import { INSTALLATION_LABEL } from '@tenon/vocabulary';
import type { NetworkInspectInfo } from 'dockerode';
import { Turns } from '../backend-parts/turns.ts';
import { type EngineApi, EngineRefusal } from './engine-api.ts';

/** Networks that in-process extensions make for sandboxes: ours by label, adopted where they stand, foreign ones never touched. */
export function dockerNetworks(api: EngineApi, installation: string): ContainerNetworks {
  // The Engine allows two networks of one name: within this process nobody makes the second.
  const turns = new Turns();

  /** What the Engine refuses at this door names no sandbox. */
  async function asked<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (thrown) {
      if (!(thrown instanceof EngineRefusal)) throw thrown;
      throw new TenonError('driver_failed', `${what}: ${thrown.message}`, { hint: 'look at the log of the Docker Engine' }, thrown);
    }
  }

  async function find(name: string, signal: AbortSignal): Promise<NetworkInspectInfo | null> {
    // An inspect would also take a name for the beginning of an id.
    const found = await asked(`network ${name} cannot be looked for`, () =>
      api.json<NetworkInspectInfo[]>({ method: 'GET', path: ['networks'], query: { filters: { name: [name] } }, signal }),
    );
    return found.find((network) => network.Name === name) ?? null;
  }

  function ours(network: NetworkInspectInfo): void {
    if (network.Labels?.[INSTALLATION_LABEL] === installation) return;
    throw new TenonError('driver_failed', `network ${network.Name} (${network.Id.slice(0, 12)}) is there and is not this installation's`, {
      hint: 'remove it, or use another name',
    });
  }

  return {
    ensure: ({ name, subnet, labels, internal, signal }) =>
      turns.run(name, async () => {
        const gateway = firstAddress(subnet);
        let network = await find(name, signal);
        if (network === null) {
          try {
            const body = {
              Name: name,
              Driver: 'bridge',
              CheckDuplicate: true,
              Internal: internal,
              IPAM: { Config: [gateway === null ? { Subnet: subnet } : { Subnet: subnet, Gateway: gateway }] },
              Labels: { ...labels, [INSTALLATION_LABEL]: installation },
            };
            await api.json({ method: 'POST', path: ['networks', 'create'], body, signal });
          } catch (thrown) {
            // Somebody else was faster: adopt it below, where it is ours.
            if (!(thrown instanceof EngineRefusal)) throw thrown;
            if (thrown.status !== 409) {
              throw new TenonError('driver_failed', `network ${name} with subnet ${subnet} cannot be made: ${thrown.message}`, {
                hint: thrown.message.includes('overlap') ? 'choose a subnet that no other network has' : 'look at the log of the Docker Engine',
              });
            }
          }
          network = await find(name, signal);
        }
        if (network === null)
          throw new TenonError('driver_failed', `network ${name} was made and is not there`, { hint: 'look at the log of the Docker Engine' });
        ours(network);
        const config = network.IPAM?.Config?.[0];
        if (config?.Subnet !== subnet || network.Internal !== internal) {
          throw new TenonError(
            'driver_failed',
            `network ${name} is there with subnet ${config?.Subnet ?? 'none'}${network.Internal ? ', internal' : ''}; asked for was ${subnet}${internal ? ', internal' : ''}`,
            { hint: 'release it first, or use another name' },
          );
        }
        return { id: network.Id, name, subnet, gateway: config.Gateway ?? gateway };
      }),
    remove: ({ name, signal }) =>
      turns.run(name, async () => {
        const network = await find(name, signal);
        if (network === null) return;
        ours(network);
        try {
          await api.json({ method: 'DELETE', path: ['networks', network.Id], also: [404], signal });
        } catch (thrown) {
          if (!(thrown instanceof EngineRefusal)) throw thrown;
          throw new TenonError('driver_failed', `network ${name} cannot be removed: ${thrown.message}`, {
            hint: 'containers that are still on it must be removed first',
          });
        }
      }),
    async list() {
      const filters = { label: [`${INSTALLATION_LABEL}=${installation}`] };
      const networks = await asked('networks cannot be listed', () =>
        api.json<NetworkInspectInfo[]>({ method: 'GET', path: ['networks'], query: { filters } }),
      );
      return networks.map((network) => ({ name: network.Name, labels: network.Labels ?? {} }));
    },
  };
}

/** The first host address of an IPv4 subnet, which the Engine takes for the gateway; said outright, so that nobody hands it out. Null for others. */
export function firstAddress(subnet: string): string | null {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(subnet);
  if (found === null || Number(found[5]) > 30) return null;
  const bytes = found.slice(1, 5).map(Number);
  if (bytes.some((byte) => byte > 255)) return null;
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const mask = (0xffffffff << (32 - Number(found[5]))) >>> 0;
  const first = ((((a << 24) | (b << 16) | (c << 8) | d) & mask) >>> 0) + 1;
  return [first >>> 24, (first >>> 16) & 255, (first >>> 8) & 255, first & 255].join('.');
}
