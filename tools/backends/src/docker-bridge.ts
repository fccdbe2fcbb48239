import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { BackendProblem } from './backend.ts';

/** The daemon's default bridge: of its own, because `docker0` belongs to whichever Engine was there first. */
export interface Bridge {
  readonly name: string;
  /** Its address and prefix. */
  readonly address: string;
  /** Where networks without a subnet of their own get one: a /16 apart from the bridge. */
  readonly pool: string;
}

/** Makes the bridge in the first pair of private ranges that no interface of this machine uses. A name is at most 15 characters. */
export function addBridge(name: string): Bridge {
  const used = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address);
  const second = [230, 232, 234, 236, 238, 240, 242].find((n) => !used.some((address) => address.startsWith(`10.${n}.`) || address.startsWith(`10.${n + 1}.`)));
  if (second === undefined) throw new BackendProblem('no private address range is free for a bridge', 'npm run backends -- down docker in the other clones');
  const bridge = { name, address: `10.${second}.0.1/24`, pool: `10.${second + 1}.0.0/16` };
  // One that a killed machine or daemon left behind has our name: made anew, so that its address is the one recorded.
  spawnSync('ip', ['link', 'delete', name]);
  ip('link', 'add', 'name', name, 'type', 'bridge');
  ip('address', 'add', bridge.address, 'dev', name);
  ip('link', 'set', name, 'up');
  return bridge;
}

export function removeBridge(bridge: Bridge): void {
  const present = spawnSync('ip', ['link', 'show', bridge.name]).status === 0;
  if (present) ip('link', 'delete', bridge.name);
}

function ip(...args: readonly string[]): void {
  const done = spawnSync('ip', args, { encoding: 'utf8' });
  if (done.status !== 0)
    throw new BackendProblem(
      `ip ${args.join(' ')}: ${done.error?.message ?? done.stderr.trim()}`,
      'CAP_NET_ADMIN is needed: run as root, outside an unprivileged container',
    );
}
