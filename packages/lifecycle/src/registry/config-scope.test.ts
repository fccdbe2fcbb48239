import { describe, expect, it } from 'vitest';
import { caught } from '../../testing/registry-builders.ts';
import { type BaseConfig, type ConfigOwner, keyedByDriver, refuseUnownedExtensionConfig, splitDriverConfig, type WrapperConfig } from './config-scope.ts';

const base: ConfigOwner = { name: 'docker', wrapper: null };
const wrapper = (name: string, forwards: 'none' | 'all' | readonly string[], keys: readonly string[] = []): ConfigOwner => ({
  name,
  wrapper: { forwards, keys },
});

describe('the config of a plain driver', () => {
  it('is its own block, copied', () => {
    const block = { mounts: [{ target: '/data' }] };
    const { base: own, wrappers } = splitDriverConfig({ docker: block }, [base]);
    expect(own).toEqual(block);
    expect(own.mounts).not.toBe(block.mounts);
    expect(wrappers.size).toBe(0);
    expect(splitDriverConfig({}, [base]).base).toEqual({});
  });

  it('refuses a block that nobody owns', () => {
    const error = caught(() => splitDriverConfig({ docker: {}, 'pod/man': {} }, [base]));
    expect([error.code, error.context.pointer]).toEqual(['unowned_config_block', '/template/driverConfig/pod~1man']);
    expect(error.context.hint).toContain('docker');
  });
});

describe('the configs of a composed driver', () => {
  it('are three things: the wrapper has its own keys, the base what is forwarded', () => {
    const { wrappers, base: own } = splitDriverConfig({ team: { tier: 'gold' }, docker: { mounts: [] } }, [wrapper('team', 'all', ['tier']), base]);
    expect(wrappers.get('team')).toEqual({ tier: 'gold' });
    expect(own).toEqual({ mounts: [] });
    const asBase = (config: BaseConfig) => config;
    const asWrapper = (config: WrapperConfig) => config;
    // @ts-expect-error a base's config is no wrapper's
    asWrapper(asBase(own));
  });

  it.each([
    ['none', 'none' as const, 'mounts'],
    ['listed keys', ['mounts'], 'cdi_devices'],
  ])('with forwarding of %s, the rest is refused and never dropped', (_what, forwards, key) => {
    const error = caught(() => splitDriverConfig({ docker: { [key]: [] } }, [wrapper('team', forwards), base]));
    expect([error.code, error.context.pointer]).toEqual(['unowned_config_block', `/template/driverConfig/docker/${key}`]);
    expect(error.message).toContain('team');
  });

  it('with listed keys, those pass', () => {
    expect(splitDriverConfig({ docker: { mounts: [1] } }, [wrapper('team', ['mounts']), base]).base).toEqual({ mounts: [1] });
  });

  it('nested, pass only what every wrapper around lets through', () => {
    const chain = [wrapper('outer', ['a']), wrapper('inner', 'all', ['a', 'b']), base];
    expect(splitDriverConfig({ inner: { a: 1 }, docker: { a: 2 } }, chain).base).toEqual({ a: 2 });
    expect(caught(() => splitDriverConfig({ inner: { b: 1 } }, chain)).context.pointer).toBe('/template/driverConfig/inner/b');
    expect(caught(() => splitDriverConfig({ docker: { b: 1 } }, chain)).message).toContain('outer');
  });

  it("refuse what is no key of the wrapper's own", () => {
    const error = caught(() => splitDriverConfig({ team: { mounts: [] } }, [wrapper('team', 'all', ['tier']), base]));
    expect([error.code, error.context.pointer]).toEqual(['unowned_config_block', '/template/driverConfig/team/mounts']);
  });
});

describe('the one block of the protocol', () => {
  it("is the base's own, or the wrapper's with its base's under \"base\"", () => {
    expect(keyedByDriver({ mounts: [] }, [base])).toEqual({ docker: { mounts: [] } });
    expect(keyedByDriver({ tier: 'gold', base: { x: 1, base: { mounts: [] } } }, [wrapper('outer', 'all'), wrapper('inner', 'all'), base])).toEqual({
      outer: { tier: 'gold' },
      inner: { x: 1 },
      docker: { mounts: [] },
    });
    expect(keyedByDriver({}, [wrapper('outer', 'all'), base])).toEqual({ outer: {}, docker: {} });
  });

  it('refuses a base that is no object', () => {
    expect(caught(() => keyedByDriver({ base: { base: 7 } }, [wrapper('outer', 'all'), wrapper('inner', 'all'), base])).context.pointer).toBe(
      '/driver_config/base/base',
    );
  });
});

describe('extension config of a request', () => {
  it('that belongs to no running extension is refused, with the reason where there is one', () => {
    expect(() => refuseUnownedExtensionConfig({ net: {} }, ['net'])).not.toThrow();
    const error = caught(() => refuseUnownedExtensionConfig({ net: {} }, [], new Map([['net', 'outside 30 %']])));
    expect([error.code, error.context.pointer]).toEqual(['unowned_config_block', '/extensionConfig/net']);
    expect(error.message).toContain('outside 30 %');
  });
});
