import { describe, expect, it } from 'vitest';
import { hostCount, hostsOf, parseSubnet } from './subnet.ts';

describe('parseSubnet', () => {
  it.each([
    ['10.30.0.0', 'subnet 10.30.0.0 is malformed'],
    ['10.30.0.256/24', 'subnet 10.30.0.256/24 is malformed'],
    ['fd00::/64', 'subnet fd00::/64 is malformed'],
    ['10.30.0.0/31', 'subnet 10.30.0.0/31 is too small: a /31 has no address left beside its gateway'],
    ['10.0.0.0/8', "subnet 10.0.0.0/8 is too large: a /8 is more than one tenant's network holds"],
    ['10.30.0.5/24', 'subnet 10.30.0.5/24 has host bits set'],
  ])('refuses %s', (text, message) => {
    expect(() => parseSubnet(text)).toThrow(expect.objectContaining({ code: 'config_invalid', message }));
  });

  it('names the network that was meant', () => {
    expect(() => parseSubnet('10.30.0.5/24')).toThrow(expect.objectContaining({ context: expect.objectContaining({ hint: 'Use 10.30.0.0/24.' }) }));
  });

  it.each(['10.30.0.0/16', '192.168.255.252/30', '223.255.255.0/24'])('accepts %s', (text) => {
    expect(parseSubnet(text).text).toBe(text);
  });
});

describe('hostsOf', () => {
  it('leaves out network, broadcast and gateway', () => {
    expect([...hostsOf(parseSubnet('10.30.0.0/29'), '10.30.0.1')]).toEqual(['10.30.0.2', '10.30.0.3', '10.30.0.4', '10.30.0.5', '10.30.0.6']);
  });

  it('leaves out a gateway that is not the first address', () => {
    expect([...hostsOf(parseSubnet('10.30.0.0/30'), '10.30.0.2')]).toEqual(['10.30.0.1']);
  });

  it('takes the first address for the gateway where none is known', () => {
    expect([...hostsOf(parseSubnet('10.30.0.4/30'), null)]).toEqual(['10.30.0.6']);
  });

  it.each(['10.30.0.0/24', '10.30.0.0/30', '10.31.0.0/18'])('counts as it gives: %s', (text) => {
    const subnet = parseSubnet(text);
    expect([...hostsOf(subnet, null)]).toHaveLength(hostCount(subnet));
  });
});
