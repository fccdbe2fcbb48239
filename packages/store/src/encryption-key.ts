import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TenonError } from '@tenon/lifecycle';
import { keptText } from './kept-file.ts';

const BYTES = 32;

/**
 * The key of the vault: `TENON_ENCRYPTION_KEY` (32 bytes, base64), or a 0600 file in the data directory, made at the first start.
 * Throws `validation_failed` naming what is wrong; the value itself is never shown.
 */
export async function loadEncryptionKey(env: Readonly<Record<string, string | undefined>>, dataDir: string): Promise<Buffer> {
  const given = env.TENON_ENCRYPTION_KEY;
  if (given !== undefined && given !== '') return decoded(given, 'TENON_ENCRYPTION_KEY');
  const path = join(dataDir, 'encryption.key');
  await mkdir(dataDir, { recursive: true });
  return decoded(await keptText(path, () => randomBytes(BYTES).toString('base64')), path);
}

function decoded(text: string, where: string): Buffer {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, 'base64');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(trimmed);
  if (isBase64 && key.length === BYTES) return key;
  const found = isBase64 ? `${key.length} bytes` : 'text that is not base64';
  throw new TenonError('validation_failed', `${where} must be ${BYTES} bytes in base64, but holds ${found}.`, {
    hint: 'Make one with: openssl rand -base64 32. A lost key means that stored secrets cannot be opened again.',
  });
}
