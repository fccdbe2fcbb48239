import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signAnswer, verifySignature } from './signature.ts';

const now = 1_795_000_000_000;
const secret = 'shared';
const body = '{"result":"ok"}';

describe('Tenon-Signature', () => {
  it('is an HMAC over time, a dot and the body', () => {
    expect(signAnswer(secret, body, now)).toBe(`t=1795000000,v1=${createHmac('sha256', secret).update(`1795000000.${body}`).digest('hex')}`);
    expect(verifySignature({ header: signAnswer(secret, body, now), body: Buffer.from(body), secret, now })).toEqual({ ok: true });
  });

  it('is refused with a reason', () => {
    const reason = (check: Partial<Parameters<typeof verifySignature>[0]>) => {
      const verdict = verifySignature({ header: signAnswer(secret, body, now), body, secret, now, ...check });
      return verdict.ok ? 'accepted' : verdict.reason;
    };
    expect(reason({ header: undefined })).toMatch(/carries no/);
    expect(reason({ header: null })).toMatch(/carries no/);
    expect(reason({ header: 'v1=00' })).toMatch(/not of the form/);
    expect(reason({ header: `t=1795000000,v1=${'0'.repeat(64)}` })).toMatch(/does not match/);
    expect(reason({ secret: 'other' })).toMatch(/does not match/);
    expect(reason({ body: '{"result":"deny"}' })).toMatch(/does not match/);
    expect(reason({ now: now + 301_000 })).toMatch(/301 s off/);
    expect(reason({ now: now - 301_000 })).toMatch(/301 s off/);
    expect(reason({ now: now + 299_000 })).toBe('accepted');
    expect(reason({ now: now + 11_000, toleranceS: 10 })).toMatch(/10 s are allowed/);
  });
});
