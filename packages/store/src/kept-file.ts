import { randomBytes } from 'node:crypto';
import { chmod, link, readFile, rm, stat, writeFile } from 'node:fs/promises';

/**
 * The text of a 0600 file that is made once. Written beside and then linked into place, so that of two processes that start at the same
 * moment both have the same whole text.
 */
export async function keptText(path: string, make: () => string): Promise<string> {
  const fresh = `${path}.${randomBytes(6).toString('hex')}`;
  const made = make();
  try {
    await writeFile(fresh, `${made}\n`, { mode: 0o600, flag: 'wx' });
    await link(fresh, path);
    return made;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await rm(fresh, { force: true });
  }
  if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o600);
  return (await readFile(path, 'utf8')).trim();
}
