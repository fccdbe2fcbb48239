import { BlockList, isIP } from 'node:net';
import { posix } from 'node:path';
import { storable, TenonError } from '@tenon/lifecycle';

/** Where an extension out of process is reached, once its address was checked. */
export type Target =
  | {
      readonly kind: 'tcp';
      readonly tls: boolean;
      /** Host as the connection uses it: no brackets, no trailing dot. */
      readonly host: string;
      readonly port: number;
      /** Path before `/v1/...`, without a trailing slash. */
      readonly basePath: string;
      /** The only addresses that the connection may go to, whatever a resolver says; null: the host is an address, or listed by name. */
      readonly pinned: readonly [PinnedAddress, ...PinnedAddress[]] | null;
    }
  | { readonly kind: 'unix'; readonly socketPath: string };

export interface PinnedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** This machine only: loopback addresses, `localhost`, and any Unix socket. */
export const DEFAULT_ALLOWED_TARGETS = ['loopback', 'unix'] as const;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');
const PINNED = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
] as const;
const MAX_SOCKET_PATH = 107;

/**
 * Judges an address against the operator's allow-list; `target_not_allowed` where it is not on it, `validation_failed` where it is no
 * address. Entries of the list, any of: `loopback`, `unix`, `unix:/run/tenon/` (a directory), `unix:/run/x.sock`, `10.0.0.0/8`, `10.1.2.3`,
 * `quota.example.org`, `*.example.org`, each of the last four also with `:port`. A list replaces the default, so it repeats `loopback` to keep it.
 */
export function checkTarget(url: string, allowed: readonly string[] = DEFAULT_ALLOWED_TARGETS): Target {
  const target = parseTarget(url);
  if (!allowed.some((entry) => allows(entry, target))) {
    const what = target.kind === 'unix' ? `the socket ${target.socketPath}` : `the host ${target.host}`;
    throw refused(
      url,
      `${what} is not in the list of allowed targets (${allowed.join(', ') || 'empty'})`,
      'Use a loopback address or a Unix socket, or ask the operator to list it in the configuration (extensions.allowedTargets).',
    );
  }
  return target;
}

function parseTarget(url: string): Target {
  if (url.startsWith('unix:')) return parseSocket(url);
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (!parsed) {
    throw new TenonError('validation_failed', `${quote(url)} is no address: give http://host:port, https://host:port or unix:/path.sock`, {
      pointer: '/transport/url',
    });
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')
    throw refused(url, `the scheme ${parsed.protocol} is not spoken`, 'Use http:, https: or unix:.');
  if (parsed.username || parsed.password)
    throw refused(url, 'it carries credentials, which would be shown wherever the address is', 'Use the secret of the registration instead.');
  if (parsed.search || parsed.hash) throw refused(url, 'it carries a query or a fragment', 'Give the address alone; a base path may follow it.');
  const tls = parsed.protocol === 'https:';
  const host = unmapped(parsed.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, ''));
  const port = parsed.port ? Number(parsed.port) : tls ? 443 : 80;
  if (port === 0) throw refused(url, 'port 0 is none', 'Name the port that the extension listens on.');
  return { kind: 'tcp', tls, host, port, basePath: parsed.pathname.replace(/\/+$/, ''), pinned: host === 'localhost' ? PINNED : null };
}

function parseSocket(url: string): Target {
  const socketPath = url.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
  if (!socketPath.startsWith('/')) throw refused(url, 'the path of the socket is not absolute', 'Write unix:/path/of/the.sock.');
  if (socketPath.includes('\0') || posix.normalize(socketPath) !== socketPath)
    throw refused(url, 'the path of the socket has parts such as `..` or `//`', 'Write the path plainly.');
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH)
    throw refused(url, `the path of the socket is longer than ${MAX_SOCKET_PATH} bytes`, 'Use a shorter path.');
  return { kind: 'unix', socketPath };
}

function allows(entry: string, target: Target): boolean {
  if (target.kind === 'unix') {
    if (entry === 'unix') return true;
    if (!entry.startsWith('unix:/')) return false;
    const path = entry.slice('unix:'.length);
    return path.endsWith('/') ? target.socketPath.startsWith(path) : target.socketPath === path;
  }
  if (entry === 'loopback') return target.host === 'localhost' || isLoopback(target.host);
  if (entry === 'unix' || entry.startsWith('unix:')) return false;
  const { host, port } = splitPort(entry.toLowerCase());
  if (port !== null && port !== target.port) return false;
  if (host.includes('/')) return inSubnet(host, target.host);
  if (host.startsWith('*.')) return isIP(target.host) === 0 && target.host.endsWith(host.slice(1));
  return host === target.host;
}

function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function inSubnet(subnet: string, address: string): boolean {
  const [net = '', bits = ''] = subnet.split('/');
  const family = isIP(net);
  if (family === 0 || isIP(address) !== family || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 6 ? 128 : 32)) return false;
  const list = new BlockList();
  const name = family === 6 ? 'ipv6' : 'ipv4';
  list.addSubnet(net, Number(bits), name);
  return list.check(address, name);
}

function splitPort(entry: string): { host: string; port: number | null } {
  const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(entry);
  const plain = bracketed ?? /^([^:]+):(\d+)$/.exec(entry);
  return plain?.[1] ? { host: plain[1], port: plain[2] ? Number(plain[2]) : null } : { host: entry, port: null };
}

/** `::ffff:127.0.0.1` is an IPv4 address in other clothes: it is judged, and reached, as that. */
function unmapped(host: string): string {
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (!hex?.[1] || !hex[2]) return host;
  const high = Number.parseInt(hex[1], 16);
  const low = Number.parseInt(hex[2], 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function refused(url: string, why: string, hint: string): TenonError {
  return new TenonError('target_not_allowed', `${quote(url)} cannot be called: ${why}`, { pointer: '/transport/url', hint });
}

/** The address as messages show it: a password in it stays out. */
function quote(url: string): string {
  return JSON.stringify(storable(url.replace(/\/\/[^/@]*@/, '//…@'), 200));
}
