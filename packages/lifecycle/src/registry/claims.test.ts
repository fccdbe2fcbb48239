import { describe, expect, it } from 'vitest';
import { caught } from '../../testing/registry-builders.ts';
import { resolveClaims } from './claims.ts';

const caller = { claims: { tenant: 'acme', user: 'bo' }, claimsSource: 'token', assertClaims: false };

describe('claims', () => {
  it("are the caller's own, and may be repeated in whole or in part", () => {
    for (const requested of [null, {}, { tenant: 'acme' }, { tenant: 'acme', user: 'bo' }]) {
      expect(resolveClaims(requested, caller)).toEqual({ claims: { tenant: 'acme', user: 'bo' }, source: 'token' });
    }
  });

  it.each([
    ['tenant', { tenant: 'other' }],
    ['policy', { policy: 'open' }],
  ])('other ones are refused: %s', (name, requested) => {
    const error = caught(() => resolveClaims(requested, caller));
    expect([error.code, error.context.pointer]).toEqual(['forbidden', `/claims/${name}`]);
  });

  it('may be asserted by a caller that is allowed to, and the source says so', () => {
    expect(resolveClaims({ tenant: 'other' }, { ...caller, assertClaims: true })).toEqual({
      claims: { tenant: 'other', user: 'bo' },
      source: 'asserted by the caller',
    });
  });

  it('that are absent are absent, not empty', () => {
    expect(resolveClaims({ user: '' }, { claims: { tenant: '' }, claimsSource: 'gateway', assertClaims: false })).toEqual({ claims: {}, source: 'gateway' });
  });
});
