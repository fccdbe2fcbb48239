import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The first of `names` on the PATH or in the places where Debian puts daemons; null where there is none. */
export function findProgram(...names: readonly string[]): string | null {
  const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  for (const name of names) {
    for (const place of places) {
      if (place && isExecutable(join(place, name))) return join(place, name);
    }
  }
  return null;
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    // Absent or not executable: for a search these are the same answer.
    return false;
  }
}
