import { ProblemError } from './problem.ts';

/** The few calls that are REST only: the session. State-changing calls carry JSON, which a foreign form cannot send. */
export async function rest(method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> {
  const answer = await fetch(path, {
    method,
    credentials: 'same-origin',
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (answer.ok) return;
  const raw = await answer.text();
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(raw);
  } catch (notJson) {
    throw new ProblemError(
      null,
      `${method} ${path} answered ${answer.status} and no problem document (${notJson instanceof Error ? notJson.message : 'not JSON'})`,
    );
  }
  throw new ProblemError(parsed, `${method} ${path} answered ${answer.status}`);
}
