import type { BreakerState, Limits } from '@tenon/vocabulary';
import type { Clock } from '../ports/clock.ts';

interface Circuit {
  failures: number;
  openUntil: number;
  probing: boolean;
}

/**
 * Opens after consecutive failed attempts of one revision (a deny is an answer, not a failure), lets one probe through when its
 * time is up, and closes on the first good answer. It refuses hooks of setup phases only; the caller knows which those are.
 */
export class Breakers {
  private readonly circuits = new Map<string, Circuit>();
  private readonly clock: Clock;
  private readonly limits: Pick<Limits, 'breakerFailures' | 'breakerOpenMs'>;

  constructor(clock: Clock, limits: Pick<Limits, 'breakerFailures' | 'breakerOpenMs'>) {
    this.clock = clock;
    this.limits = limits;
  }

  state(extension: string, revision: string): BreakerState {
    const circuit = this.circuits.get(keyOf(extension, revision));
    if (circuit === undefined || circuit.failures < this.limits.breakerFailures) return 'closed';
    return this.clock.now() < circuit.openUntil ? 'open' : 'half_open';
  }

  /** The worst state of any revision of the extension: what a list shows. */
  worst(extension: string): BreakerState {
    let worst: BreakerState = 'closed';
    for (const key of this.circuits.keys()) {
      const [name = '', revision = ''] = key.split(' ');
      if (name !== extension) continue;
      const state = this.state(name, revision);
      if (state === 'open') return 'open';
      if (state === 'half_open') worst = state;
    }
    return worst;
  }

  /** Whether a call may go out now; in half-open state only one does until it is judged. */
  admit(extension: string, revision: string): boolean {
    if (this.circuits.size === 0) return true;
    const state = this.state(extension, revision);
    if (state === 'closed') return true;
    if (state === 'open') return false;
    const circuit = this.circuits.get(keyOf(extension, revision));
    if (circuit === undefined) return true;
    if (circuit.probing) return false;
    circuit.probing = true;
    return true;
  }

  answered(extension: string, revision: string): void {
    if (this.circuits.size > 0) this.circuits.delete(keyOf(extension, revision));
  }

  failed(extension: string, revision: string): void {
    const key = keyOf(extension, revision);
    const circuit = this.circuits.get(key) ?? { failures: 0, openUntil: 0, probing: false };
    circuit.failures += 1;
    circuit.probing = false;
    if (circuit.failures >= this.limits.breakerFailures) circuit.openUntil = this.clock.now() + this.limits.breakerOpenMs;
    this.circuits.set(key, circuit);
  }

  /** A probe that was neither good nor bad (aborted, killed) gives its place back. */
  undecided(extension: string, revision: string): void {
    const circuit = this.circuits.get(keyOf(extension, revision));
    if (circuit !== undefined) circuit.probing = false;
  }
}

function keyOf(extension: string, revision: string): string {
  return `${extension} ${revision}`;
}
