import { ProblemView } from '@tenon/contract';

/** A refusal of the API: its problem document. */
export class Refused extends Error {
  readonly problem: ProblemView;

  constructor(problem: ProblemView) {
    super(`${problem.code}: ${problem.detail}${problem.hint === undefined || problem.hint === null ? '' : ` (${problem.hint})`}`);
    this.name = 'Refused';
    this.problem = problem;
  }
}

export interface Client {
  readonly url: string;
  get<T>(path: string, view: { parse(value: unknown): T }): Promise<T>;
  post<T>(path: string, body: unknown, view: { parse(value: unknown): T }): Promise<T>;
  remove<T>(path: string, view: { parse(value: unknown): T }): Promise<T>;
}

/** The public API as any client sees it: REST with a bearer token, answers checked against the contract. */
export function connect(url: string, token: string): Client {
  async function call<T>(method: string, path: string, body: unknown, view: { parse(value: unknown): T }): Promise<T> {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = response.status === 204 ? null : await response.json();
    if (!response.ok) throw new Refused(ProblemView.parse(answer));
    return view.parse(answer);
  }
  return {
    url,
    get: (path, view) => call('GET', path, undefined, view),
    post: (path, body, view) => call('POST', path, body, view),
    remove: (path, view) => call('DELETE', path, undefined, view),
  };
}
