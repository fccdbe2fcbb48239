import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, chown, lstat, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Json, type SandboxRef, TenonError } from '@tenon/lifecycle';
import { z } from 'zod';
import type { ProcessSettings } from './config.ts';
import { codeOf, type ProcessId } from './process-table.ts';

/** What Tenon knows of one sandbox on disk; secrets are references. */
export interface SandboxFile {
  readonly installation: string;
  readonly sandbox: SandboxRef;
  readonly name: string;
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The last start; null before the first. */
  readonly process: ProcessId | null;
  /** When a stop was asked for, epoch ms; null while it is meant to run. */
  readonly stoppedAt: number | null;
  /** The code that Tenon gives itself where it had to kill the shim too. */
  readonly killedCode: number | null;
}

const sandboxFile: z.ZodType<SandboxFile> = z.object({
  installation: z.string(),
  sandbox: z.object({ id: z.string(), name: z.string(), workspace: z.string() }),
  name: z.string(),
  createdAt: z.number(),
  labels: z.record(z.string(), z.string()),
  process: z.object({ pid: z.number(), startTime: z.string(), bootId: z.string() }).nullable(),
  stoppedAt: z.number().nullable(),
  killedCode: z.number().nullable(),
});

export interface SandboxPaths {
  readonly root: string;
  readonly record: string;
  readonly log: string;
  readonly oldLog: string;
  /** What the shim says of its limits, and the code of the command: written through descriptors that Tenon opened. */
  readonly started: string;
  readonly exit: string;
  /** The sandbox's own: the command's files and working directory. */
  readonly work: string;
}

/** The directories of all sandboxes of one data directory. Nothing here follows a link that a sandbox may have made. */
export class SandboxDirectories {
  readonly root: string;
  readonly #settings: ProcessSettings;

  constructor(settings: ProcessSettings) {
    this.#settings = settings;
    this.root = join(settings.dataDir, 'process');
  }

  paths(sandboxId: string): SandboxPaths {
    return pathsIn(join(this.root, directoryName(sandboxId)));
  }

  /** Null where there is none. One of another installation is `driver_failed`. */
  async read(sandboxId: string): Promise<SandboxFile | null> {
    const { record, root } = this.paths(sandboxId);
    const file = await readRecord(record);
    if (file === null) return null;
    if (file.installation !== this.#settings.installation || file.sandbox.id !== sandboxId) {
      throw new TenonError('driver_failed', `the directory ${root} belongs to sandbox ${file.sandbox.id} of installation ${file.installation}`, {
        sandboxId,
        hint: 'give this installation a data directory of its own, or remove that one',
      });
    }
    return file;
  }

  /** All of this installation, and the directories that cannot be read. */
  async list(): Promise<{ readonly files: readonly SandboxFile[]; readonly unreadable: readonly string[] }> {
    const files: SandboxFile[] = [];
    const unreadable: string[] = [];
    for (const name of await entriesOf(this.root)) {
      if (name.startsWith('.')) continue;
      try {
        const file = await readRecord(pathsIn(join(this.root, name)).record);
        if (file !== null && file.installation === this.#settings.installation) files.push(file);
      } catch (thrown) {
        if (!(thrown instanceof TenonError)) throw thrown;
        unreadable.push(name);
      }
    }
    return { files, unreadable };
  }

  /**
   * Makes directory, record and files beside their place and moves them there in one step: what stands under the name is whole.
   * False where it stood already.
   */
  async make(
    file: SandboxFile,
    contents: readonly { readonly path: string; readonly contents: string; readonly mode: string }[],
    cwd: string,
  ): Promise<boolean> {
    const { root } = this.paths(file.sandbox.id);
    await mkdir(this.root, { recursive: true });
    // Search permission only: a sandbox reaches its own directory and cannot list the others.
    await chmod(this.root, 0o711);
    const staging = pathsIn(join(this.root, `.new-${randomUUID()}`));
    try {
      await mkdir(staging.root, { mode: 0o711 });
      await this.#own(staging.work);
      for (const one of contents) await this.#writeFile(staging.work, one);
      if (cwd !== '.') await this.#ownAll(staging.work, cwd.split('/'));
      await writeRecord(staging.record, file, true);
      await rename(staging.root, root);
      return true;
    } catch (thrown) {
      await rm(staging.root, { recursive: true, force: true });
      if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(thrown) ?? '')) return false;
      throw thrown;
    }
  }

  async write(file: SandboxFile): Promise<void> {
    await writeRecord(this.paths(file.sandbox.id).record, file, false);
  }

  /** Moved away first, so that it is gone at once and for good, however long the removal takes. Absent is fine. */
  async remove(sandboxId: string): Promise<void> {
    const gone = join(this.root, `.gone-${randomUUID()}`);
    try {
      await rename(this.paths(sandboxId).root, gone);
    } catch (thrown) {
      if (codeOf(thrown) === 'ENOENT') return;
      throw thrown;
    }
    await rm(gone, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Removes what a killed Tenon left half made or half removed more than `olderThanMs` ago. */
  async sweep(olderThanMs: number): Promise<void> {
    for (const name of await entriesOf(this.root)) {
      if (!name.startsWith('.new-') && !name.startsWith('.gone-')) continue;
      const path = join(this.root, name);
      const found = await lstat(path).catch((thrown: unknown) => {
        if (codeOf(thrown) === 'ENOENT') return null;
        throw thrown;
      });
      if (found !== null && Date.now() - found.ctimeMs > olderThanMs) await rm(path, { recursive: true, force: true });
    }
  }

  /** The first directory on the way that the sandbox's user cannot pass; null where all can be. */
  async blockedAt(): Promise<string | null> {
    const { runAs } = this.#settings;
    if (runAs === null) return null;
    for (let path = this.root; ; path = dirname(path)) {
      const found = await stat(path).catch((thrown: unknown) => {
        if (codeOf(thrown) === 'ENOENT') return null;
        throw thrown;
      });
      if (found !== null) {
        const bit = found.uid === runAs.uid ? 0o100 : found.gid === runAs.gid ? 0o010 : 0o001;
        if ((found.mode & bit) === 0) return path;
      }
      if (path === dirname(path)) return null;
    }
  }

  async #own(path: string): Promise<void> {
    const { runAs } = this.#settings;
    await mkdir(path, { mode: 0o700 });
    if (runAs !== null) await chown(path, runAs.uid, runAs.gid);
  }

  async #ownAll(work: string, parts: readonly string[]): Promise<void> {
    for (let depth = 1; depth <= parts.length; depth++) {
      try {
        await this.#own(join(work, ...parts.slice(0, depth)));
      } catch (thrown) {
        if (codeOf(thrown) !== 'EEXIST') throw thrown;
      }
    }
  }

  async #writeFile(work: string, file: { readonly path: string; readonly contents: string; readonly mode: string }): Promise<void> {
    const { runAs } = this.#settings;
    await this.#ownAll(work, file.path.split('/').slice(0, -1));
    // Made anew or not at all, and never through a link: nothing but Tenon has been here yet, and this holds it to that.
    const handle = await open(join(work, file.path), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      await handle.writeFile(file.contents);
      if (runAs !== null) await handle.chown(runAs.uid, runAs.gid);
      await handle.chmod(Number.parseInt(file.mode, 8));
    } finally {
      await handle.close();
    }
  }
}

/** A short mark of the shim. Where Tenon is not root a sandbox could put anything in its place: never a link, never more than 64 bytes. */
export async function readMark(path: string): Promise<string | null> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(64), 0, 64, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    // ELOOP: a link; EISDIR and ENXIO: a directory or a pipe that the sandbox put there.
    if (['ENOENT', 'ELOOP', 'EISDIR', 'ENXIO', 'ENOTDIR'].includes(codeOf(thrown) ?? '')) return null;
    throw thrown;
  }
}

/** An id as one path segment: itself where it is harmless, else its digest (a gateway's ids are taken verbatim). */
export function directoryName(sandboxId: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(sandboxId)) return sandboxId;
  return `id.${createHash('sha256').update(sandboxId).digest('hex')}`;
}

function pathsIn(root: string): SandboxPaths {
  return {
    root,
    record: join(root, 'sandbox.json'),
    log: join(root, 'log'),
    oldLog: join(root, 'log.1'),
    started: join(root, 'started'),
    exit: join(root, 'exit'),
    work: join(root, 'work'),
  };
}

async function readRecord(path: string): Promise<SandboxFile | null> {
  let raw: string;
  try {
    raw = await readFile(path, 'utf8');
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(thrown) ?? '')) return null;
    throw thrown;
  }
  let value: Json;
  try {
    value = JSON.parse(raw);
  } catch (thrown) {
    throw new TenonError('driver_failed', `${path} is not JSON`, { hint: 'it is written whole by Tenon alone: restore it, or remove its directory' }, thrown);
  }
  const parsed = sandboxFile.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new TenonError('driver_failed', `${path} is not a sandbox's record: ${parsed.error.issues[0]?.message ?? ''}`, {
    hint: 'it is written whole by Tenon alone: restore it, or remove its directory',
  });
}

/** Whole or not at all. Only the first is flushed to the disk: after a crash of the machine an older one tells the same, that nothing runs. */
async function writeRecord(path: string, file: SandboxFile, flush: boolean): Promise<void> {
  const part = `${path}.${randomUUID()}`;
  await writeFile(part, JSON.stringify(file), { mode: 0o600, flush });
  await rename(part, path);
}

async function entriesOf(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}
