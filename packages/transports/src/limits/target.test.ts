import { TenonError } from '@tenon/lifecycle';
import { describe, expect, it } from 'vitest';
import { checkTarget } from './target.ts';

function verdict(url: string, allowed?: readonly string[]): string {
  try {
    const target = checkTarget(url, allowed);
    return target.kind === 'unix' ? target.socketPath : `${target.host}:${target.port}${target.pinned ? ' pinned' : ''}`;
  } catch (thrown) {
    if (thrown instanceof TenonError) return thrown.code;
    throw thrown;
  }
}

describe('checkTarget', () => {
  it('lets this machine through by default, in every way of writing it', () => {
    expect(verdict('http://127.0.0.1:9000')).toBe('127.0.0.1:9000');
    expect(verdict('https://127.8.9.10')).toBe('127.8.9.10:443');
    expect(verdict('http://[::1]:9000')).toBe('::1:9000');
    expect(verdict('http://localhost:9000')).toBe('localhost:9000 pinned');
    expect(verdict('http://LOCALHOST.:9000')).toBe('localhost:9000 pinned');
    expect(verdict('http://2130706433:9000')).toBe('127.0.0.1:9000');
    expect(verdict('http://0x7f.1:9000')).toBe('127.0.0.1:9000');
    expect(verdict('http://[::ffff:127.0.0.1]:9000')).toBe('127.0.0.1:9000');
    expect(verdict('unix:/run/tenon/x.sock')).toBe('/run/tenon/x.sock');
    expect(verdict('unix:///run/tenon/x.sock')).toBe('/run/tenon/x.sock');
  });

  it('refuses everything else by default', () => {
    for (const url of [
      'http://10.0.0.1:9000',
      'http://0.0.0.0:9000',
      'http://0:9000',
      'http://[::]:9000',
      'http://169.254.169.254',
      'http://167772161',
      'http://[::ffff:10.0.0.1]',
      'http://[::ffff:a9fe:a9fe]',
      'http://quota.example.org',
      'http://localhost.example.org',
      'http://foo.localhost',
      'http://127.0.0.1.example.org',
      'http://127.0.0.1@evil.example.org',
      'http://user:pass@127.0.0.1',
      'http://127.0.0.1/?next=http://evil',
      'http://127.0.0.1/#x',
      'http://127.0.0.1:0',
      'file:///etc/passwd',
      'ftp://127.0.0.1',
      'unix:relative.sock',
      'unix:/run/../etc/x.sock',
      'unix:/run//x.sock',
      `unix:/${'x'.repeat(200)}`,
    ]) {
      expect([url, verdict(url)]).toEqual([url, 'target_not_allowed']);
    }
    for (const url of ['', 'no address', 'http://', 'http://999.1.1.1']) expect([url, verdict(url)]).toEqual([url, 'validation_failed']);
  });

  it('follows the list of the operator', () => {
    expect(verdict('http://10.1.2.3:9000', ['10.0.0.0/8'])).toBe('10.1.2.3:9000');
    expect(verdict('http://11.1.2.3:9000', ['10.0.0.0/8'])).toBe('target_not_allowed');
    expect(verdict('http://10.1.2.3:9000', ['10.1.2.3:9000'])).toBe('10.1.2.3:9000');
    expect(verdict('http://10.1.2.3:9001', ['10.1.2.3:9000'])).toBe('target_not_allowed');
    expect(verdict('http://[fd00::1]:9000', ['fd00::/8'])).toBe('fd00::1:9000');
    expect(verdict('http://[fd00::1]:9000', ['[fd00::1]:9000'])).toBe('fd00::1:9000');
    expect(verdict('https://quota.example.org', ['*.example.org'])).toBe('quota.example.org:443');
    expect(verdict('https://example.org', ['*.example.org'])).toBe('target_not_allowed');
    expect(verdict('https://quota.example.org.', ['Quota.Example.org'])).toBe('quota.example.org:443');
    expect(verdict('https://evilexample.org', ['*.example.org'])).toBe('target_not_allowed');
    expect(verdict('http://127.0.0.1:9000', ['10.0.0.0/8'])).toBe('target_not_allowed');
    expect(verdict('unix:/run/tenon/a/x.sock', ['unix:/run/tenon/'])).toBe('/run/tenon/a/x.sock');
    expect(verdict('unix:/run/tenon-evil/x.sock', ['unix:/run/tenon/'])).toBe('target_not_allowed');
    expect(verdict('unix:/run/x.sock', ['unix:/run/x.sock'])).toBe('/run/x.sock');
    expect(verdict('http://127.0.0.1:9000', [])).toBe('target_not_allowed');
  });

  it('takes an entry written as an address of the web, scheme and port included', () => {
    expect(verdict('https://quota.example.org/base', ['https://quota.example.org'])).toBe('quota.example.org:443');
    expect(verdict('http://quota.example.org', ['https://quota.example.org'])).toBe('target_not_allowed');
    expect(verdict('http://[FD00:0::1]:9000', ['fd00:0:0::1'])).toBe('fd00::1:9000');
  });

  it('says which entry of the list means nothing', () => {
    for (const entry of [
      '',
      '10.0.0.0/33',
      'unix:relative',
      'unixes',
      'http://',
      'https://a.example/base',
      '*',
      '*.',
      'a b',
      '10.0.0.0/8/8',
      'host:port',
      '999.1.1.1/8',
    ]) {
      expect([entry, verdict('http://127.0.0.1', [entry])]).toEqual([entry, 'validation_failed']);
    }
  });

  it('shows no password in its messages', () => {
    expect(() => checkTarget('http://user:hunter2@127.0.0.1')).toThrow(/^(?!.*hunter2)/s);
  });
});
