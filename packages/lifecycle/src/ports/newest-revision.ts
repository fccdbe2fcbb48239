import semver from 'semver';

/** Which of two revisions counts as the latest: a fix to an old line, registered later, does not become what new activations pin. */
export function newestRevision(known: string, added: string): string {
  return semver.gt(added, known) ? added : known;
}
