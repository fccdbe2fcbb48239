import type { Caller } from '../engine.ts';
import { TenonError } from '../errors.ts';
import type { Driver } from '../ports/driver.ts';
import type { ActivationRecord, ActivationRow, Claims, SandboxRequest } from '../records.ts';
import { decideActivation } from '../registry/activation.ts';
import type { DriverFacts } from '../registry/capabilities.ts';
import type { EngineDeps } from './deps.ts';

export async function factsOf(driver: Driver): Promise<DriverFacts> {
  return { name: driver.name, chain: driver.chain, kinds: driver.kinds, schema: driver.schema, capabilities: await driver.capabilities() };
}

/** Gathers what the pure decision needs, and takes it. */
export class Decider {
  private readonly deps: EngineDeps;

  constructor(deps: EngineDeps) {
    this.deps = deps;
  }

  async decide(input: {
    readonly request: SandboxRequest;
    readonly sandboxId: string;
    readonly driver: Driver;
    readonly caller: Pick<Caller, 'actor' | 'role'>;
    readonly claims: Claims;
    readonly claimsSource: string;
    readonly activations: readonly ActivationRow[];
    readonly dryRun: boolean;
  }): Promise<ActivationRecord> {
    const { directory, breakers, clock, passThroughExtensionKeys } = this.deps;
    const extensions = [...(await directory.all()).values()];
    const available = new Set<string>();
    await Promise.all(
      extensions.flatMap((extension) =>
        extension.revisions.map(async ({ revision }) => {
          if (await directory.available(extension.name, revision)) available.add(`${extension.name} ${revision}`);
        }),
      ),
    );
    return decideActivation({
      request: input.request,
      sandboxId: input.sandboxId,
      driver: await factsOf(input.driver),
      extensions,
      activations: input.activations,
      caller: input.caller,
      claims: input.claims,
      claimsSource: input.claimsSource,
      now: clock.now(),
      dryRun: input.dryRun,
      passThroughKeys: passThroughExtensionKeys,
      breakerOpen: (name) =>
        extensions.some((extension) => extension.name === name && extension.revisions.some(({ revision }) => breakers.state(name, revision) === 'open')),
      available: (name, revision) => available.has(`${name} ${revision}`),
    });
  }
}

/** Claims come from the caller's token or its mapping, never from the request, unless the token may assert them. */
export function claimsFor(asked: Claims | null, caller: Caller): { claims: Claims; source: string } {
  if (asked === null) return { claims: caller.claims, source: caller.claimsSource };
  const same = (['tenant', 'user', 'policy'] as const).every((name) => asked[name] === undefined || asked[name] === caller.claims[name]);
  if (same) return { claims: caller.claims, source: caller.claimsSource };
  if (!caller.assertClaims) {
    throw new TenonError('forbidden', "the request carries claims that are not the caller's own", {
      pointer: '/claims',
      hint: 'Leave claims out, or use a token that may assert claims (assertClaims).',
    });
  }
  return { claims: asked, source: `asserted by ${caller.actor.name}` };
}
