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
 * `quota.example.org`, `*.example.org`, each of the last four also with `:port`, and `https://quota.example.org`. A list replaces the default,
 * so it repeats `loopback` to keep it.
 */
export function checkTarget(url: string, allowed: readonly string[] = DEFAULT_ALLOWED_TARGETS): Target {
  const target = parseTarget(url);
  if (!readAllowedTargets(allowed).some((rule) => rule(target))) {
    const what = target.kind === 'unix' ? `the socket ${target.socketPath}` : `the host ${target.host}`;
    throw refused(
      url,
      `${what} is not in the list of allowed targets (${allowed.join(', ') || 'empty'})`,
      'Use a loopback address or a Unix socket, or ask the operator to list it in the configuration (allowedTargets).',
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

type TcpTarget = Extract<Target, { kind: 'tcp' }>;
type Rule = (target: Target) => boolean;

/** Reads the operator's list; `validation_failed` names an entry that means nothing, so that a slip is seen at start and not as a refusal later. */
export function readAllowedTargets(entries: readonly string[]): readonly Rule[] {
  return entries.map((entry) => {
    const rule = entry.startsWith('unix') ? socketRule(entry) : hostRule(entry.toLowerCase());
    if (rule) return rule;
    throw new TenonError('validation_failed', `allowed target ${quote(entry)} cannot be read`, {
      hint: 'Write loopback, unix, unix:/dir/ or unix:/x.sock, an address, a network such as 10.0.0.0/8, a host name or *.suffix (each also with :port), or http(s)://host:port.',
    });
  });
}

function socketRule(entry: string): Rule | null {
  if (entry === 'unix') return (target) => target.kind === 'unix';
  const path = entry.slice('unix:'.length);
  if (!entry.startsWith('unix:/') || posix.normalize(path) !== path) return null;
  return (target) => target.kind === 'unix' && (path.endsWith('/') ? target.socketPath.startsWith(path) : target.socketPath === path);
}

function hostRule(entry: string): Rule | null {
  const tcp = (matches: (target: TcpTarget) => boolean): Rule => {
    return (target) => target.kind === 'tcp' && matches(target);
  };
  if (entry === 'loopback') return tcp(({ host }) => host === 'localhost' || isLoopback(host));
  if (/^https?:\/\//.test(entry)) {
    const origin = URL.canParse(entry) ? parseTarget(entry) : null;
    if (origin?.kind !== 'tcp' || origin.basePath !== '') return null;
    return tcp(({ tls, host, port }) => tls === origin.tls && host === origin.host && port === origin.port);
  }
  const { host, port } = splitPort(entry);
  const onPort = (matches: (target: TcpTarget) => boolean): Rule => tcp((target) => (port === null || port === target.port) && matches(target));
  if (host.includes('/')) {
    const subnet = readSubnet(host);
    return subnet && onPort((target) => isIP(target.host) === subnet.family && subnet.list.check(target.host, subnet.family === 6 ? 'ipv6' : 'ipv4'));
  }
  if (isIP(host) !== 0) return onPort((target) => target.host === canonical(host));
  const suffix = host.startsWith('*.') ? host.slice(1) : null;
  if (!/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(suffix?.slice(1) ?? host)) return null;
  return onPort((target) => (suffix ? isIP(target.host) === 0 && target.host.endsWith(suffix) : target.host === host));
}

function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function readSubnet(text: string): { readonly family: number; readonly list: BlockList } | null {
  const [net = '', bits = '', more] = text.split('/');
  const family = isIP(net);
  if (family === 0 || more !== undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 6 ? 128 : 32)) return null;
  const list = new BlockList();
  list.addSubnet(net, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  return { family, list };
}

function splitPort(entry: string): { host: string; port: number | null } {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(entry);
  const plain = bracketed ?? /^([^:]+):(\d{1,5})$/.exec(entry);
  return plain?.[1] ? { host: plain[1], port: plain[2] ? Number(plain[2]) : null } : { host: entry, port: null };
}

/** An address as a URL has it, so that two ways of writing one are the same. */
function canonical(address: string): string {
  return unmapped(new URL(`http://${isIP(address) === 6 ? `[${address}]` : address}`).hostname.replace(/^\[|\]$/g, ''));
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
