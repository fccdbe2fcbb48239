import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** The directory under which every backend has one of its own: `TENON_BACKENDS_DIR`, else `.backends` in the repository. */
export function backendsDirectory(): string {
  const named = process.env.TENON_BACKENDS_DIR;
  return named ? resolve(named) : join(repository, '.backends');
}

/** The directory of one backend, made where it is absent. */
export function placeOf(name: string): string {
  const place = join(backendsDirectory(), name);
  mkdirSync(place, { recursive: true, mode: 0o755 });
  return place;
}

/** The record of what `up` started; null before the first `up` and after `down`. */
export function readState<T>(name: string): T | null {
  const file = stateFile(name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : null;
}

export function writeState(name: string, state: object): void {
  placeOf(name);
  // The record of a database holds its password.
  writeFileSync(stateFile(name), `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
}

export function dropState(name: string): void {
  rmSync(stateFile(name), { force: true });
}

function stateFile(name: string): string {
  return join(backendsDirectory(), name, 'state.json');
}
