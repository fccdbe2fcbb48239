import { createHmac, timingSafeEqual } from 'node:crypto';

export const SIGNATURE_HEADER = 'tenon-signature';
/** How far the clocks of both sides may be apart, seconds. */
const SIGNATURE_SKEW_S = 300;

/** `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, t + "." + body)>` */
export function sign(secret: string, body: Uint8Array, nowS = Math.floor(Date.now() / 1000)): string {
  return `t=${nowS},v1=${mac(secret, nowS, body)}`;
}

/** What is wrong with a signature, or null where it is good. */
export function signatureFault(header: string | undefined, secret: string, body: Uint8Array, nowS = Math.floor(Date.now() / 1000)): string | null {
  if (header === undefined) return 'the answer carries no Tenon-Signature, and the registration demands signed answers';
  const parts = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header.trim());
  if (!parts?.[1] || !parts[2]) return 'its Tenon-Signature is not of the form t=<unix seconds>,v1=<64 hex digits>';
  const at = Number(parts[1]);
  const off = at - nowS;
  if (Math.abs(off) > SIGNATURE_SKEW_S) {
    return `its Tenon-Signature is ${Math.abs(off)} s ${off < 0 ? 'old' : 'ahead'}; ${SIGNATURE_SKEW_S} s are allowed: set the clocks of both machines`;
  }
  const expected = Buffer.from(mac(secret, at, body), 'hex');
  return timingSafeEqual(expected, Buffer.from(parts[2], 'hex')) ? null : 'its Tenon-Signature does not match its body and the shared secret';
}

function mac(secret: string, at: number, body: Uint8Array): string {
  return createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex');
}
