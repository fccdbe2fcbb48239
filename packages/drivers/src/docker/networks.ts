import { type ContainerNetworks, TenonError } from '@tenon/lifecycle';
import { INSTALLATION_LABEL } from '@tenon/vocabulary';
import type { NetworkInspectInfo } from 'dockerode';
import { Turns } from '../backend-parts/turns.ts';
import { type EngineApi, EngineRefusal } from './engine-api.ts';

/** Networks that in-process extensions make for sandboxes: ours by label, adopted where they stand, foreign ones never touched. */
export function dockerNetworks(api: EngineApi, installation: string): ContainerNetworks {
  // The Engine allows two networks of one name: within this process nobody makes the second.
  const turns = new Turns();

  async function find(name: string, signal: AbortSignal): Promise<NetworkInspectInfo | null> {
    // An inspect would also take a name for the beginning of an id.
    const found = await api.json<NetworkInspectInfo[]>({ method: 'GET', path: ['networks'], query: { filters: { name: [name] } }, signal });
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
        let network = await find(name, signal);
        if (network === null) {
          try {
            const body = {
              Name: name,
              Driver: 'bridge',
              CheckDuplicate: true,
              Internal: internal,
              IPAM: { Config: [{ Subnet: subnet }] },
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
        return { id: network.Id, name, subnet, gateway: config.Gateway ?? null };
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
      const networks = await api.json<NetworkInspectInfo[]>({ method: 'GET', path: ['networks'], query: { filters } });
      return networks.map((network) => ({ name: network.Name, labels: network.Labels ?? {} }));
    },
  };
}
