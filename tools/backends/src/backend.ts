/** One backend that tests of this repository need: something to start, or only to find. */
export interface Backend {
  readonly name: string;
  /** Brings it up and waits until it answers; one that is up already is left alone. Throws `BackendProblem`. */
  up(): Promise<BackendStatus>;
  /** Ends what an earlier `up` started, and nothing else. */
  down(): Promise<BackendStatus>;
  /** Looks without changing anything. */
  status(): Promise<BackendStatus>;
  /** Variables by which tests find it; empty where it is not up. */
  env(): Promise<Readonly<Record<string, string>>>;
}

export interface BackendStatus {
  readonly state: 'up' | 'down' | 'missing';
  /** Where it answers, or why it does not. */
  readonly detail: string;
  /** The recorded process; null where this tool started none. */
  readonly pid: number | null;
}

/** What is wrong, and what the person at the keyboard can do about it. */
export class BackendProblem extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.name = 'BackendProblem';
    this.remedy = remedy;
  }
}
