import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadEncryptionKey } from './encryption-key.ts';

describe('the encryption key', () => {
  let dataDir = '';
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'tenon-key-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('is the one of the environment', async () => {
    const key = Buffer.alloc(32, 7);
    expect(await loadEncryptionKey({ TENON_ENCRYPTION_KEY: `${key.toString('base64')}\n` }, dataDir)).toEqual(key);
  });

  it('is made once, in a file that only its owner reads', async () => {
    const below = join(dataDir, 'deep');
    const made = await Promise.all([loadEncryptionKey({}, below), loadEncryptionKey({ TENON_ENCRYPTION_KEY: '' }, below)]);
    expect(made[0]).toEqual(await loadEncryptionKey({}, below));
    expect(made[0]).toHaveLength(32);
    const path = join(below, 'encryption.key');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await chmod(path, 0o644);
    await loadEncryptionKey({}, below);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('says what is wrong with another, and never shows it', async () => {
    const short = Buffer.alloc(16, 9).toString('base64');
    await expect(loadEncryptionKey({ TENON_ENCRYPTION_KEY: short }, dataDir)).rejects.toMatchObject({
      code: 'validation_failed',
      message: 'TENON_ENCRYPTION_KEY must be 32 bytes in base64, but holds 16 bytes.',
    });
    await expect(loadEncryptionKey({ TENON_ENCRYPTION_KEY: 'not base64!' }, dataDir)).rejects.toMatchObject({
      message: expect.not.stringContaining('not base64!'),
    });
    await writeFile(join(dataDir, 'encryption.key'), short);
    await expect(loadEncryptionKey({}, dataDir)).rejects.toMatchObject({ message: expect.stringContaining('encryption.key') });
  });
});
