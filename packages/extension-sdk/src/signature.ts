import { createHmac, timingSafeEqual } from 'node:crypto';

/** The header in which both sides sign: `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, t + "." + body)>`. */
export const SIGNATURE_HEADER = 'Tenon-Signature';

export interface SignatureCheck {
  /** The header as it came; absent where there was none. */
  readonly header: string | null | undefined;
  /** The exact bytes that came, before any parsing. */
  readonly body: Uint8Array | string;
  readonly secret: string;
  /** How far the signer's clock may be off, seconds; default 300. */
  readonly toleranceS?: number;
  /** Epoch milliseconds; default the clock. */
  readonly now?: number;
}

export type SignatureVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Checks a `Tenon-Signature` in constant time; the reason of a refusal is fit to be answered. */
export function verifySignature(check: SignatureCheck): SignatureVerdict {
  const { header, body, secret, toleranceS = 300, now = Date.now() } = check;
  if (header === null || header === undefined) return { ok: false, reason: `the call carries no ${SIGNATURE_HEADER}` };
  const parts = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header.trim());
  if (!parts?.[1] || !parts[2]) return { ok: false, reason: `${SIGNATURE_HEADER} is not of the form t=<unix seconds>,v1=<64 hex digits>` };
  const at = Number(parts[1]);
  const offS = Math.abs(Math.floor(now / 1000) - at);
  if (offS > toleranceS) return { ok: false, reason: `${SIGNATURE_HEADER} is ${offS} s off; ${toleranceS} s are allowed: set the clocks of both machines` };
  const good = timingSafeEqual(Buffer.from(mac(secret, at, body), 'hex'), Buffer.from(parts[2], 'hex'));
  return good ? { ok: true } : { ok: false, reason: `${SIGNATURE_HEADER} does not match the body and the shared secret` };
}

/** The value of `Tenon-Signature` for an answer with this body. `now`: epoch milliseconds. */
export function signAnswer(secret: string, body: Uint8Array | string, now: number = Date.now()): string {
  const at = Math.floor(now / 1000);
  return `t=${at},v1=${mac(secret, at, body)}`;
}

function mac(secret: string, at: number, body: Uint8Array | string): string {
  return createHmac('sha256', secret).update(`${at}.`).update(body).digest('hex');
}
