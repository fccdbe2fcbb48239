import { open, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { codeOf } from './process-table.ts';
import type { SandboxPaths } from './sandbox-directory.ts';

/**
 * Cuts a log that has grown past the cap down to its last half, kept beside it. The workload appends and never notices; what it
 * writes between the copy and the cut is lost, as it would be with any log that is cut under a writer.
 */
export async function capLog(paths: SandboxPaths, capBytes: number): Promise<boolean> {
  const size = await sizeOf(paths.log);
  if (size <= capBytes) return false;
  const kept = await lastBytes(paths.log, Math.floor(capBytes / 2));
  const part = `${paths.oldLog}.part`;
  await writeFile(part, kept, { mode: 0o600 });
  await rename(part, paths.oldLog);
  await truncate(paths.log, 0);
  return true;
}

/** The last lines of what was kept and what was written since; at most `capBytes` of either are read. */
export async function tailLog(paths: SandboxPaths, lines: number, capBytes: number): Promise<string> {
  if (lines <= 0) return '';
  const text = Buffer.concat([await lastBytes(paths.oldLog, capBytes), await lastBytes(paths.log, capBytes)]).toString('utf8');
  const whole = text.endsWith('\n') ? text.slice(0, -1) : text;
  return whole === '' ? '' : `${whole.split('\n').slice(-lines).join('\n')}\n`;
}

async function lastBytes(path: string, count: number): Promise<Buffer> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, count);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return Buffer.alloc(0);
    throw thrown;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return 0;
    throw thrown;
  }
}
