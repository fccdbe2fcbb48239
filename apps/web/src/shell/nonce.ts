/** The nonce of this request's Content-Security-Policy, which the API sets on the request before Next sees it. */
export function nonceOf(policy: string | null): string | undefined {
  return policy?.match(/'nonce-([A-Za-z0-9+/=_-]+)'/)?.[1];
}
