import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type SecretOwner, TenonError, type Vault } from '@tenon/lifecycle';
import type { Database } from './database.ts';

/** AES-256-GCM, a nonce a row; id and owner are authenticated with it, so that no row can be passed off as another's. */
export function secretVault(db: Database, encryptionKey: Buffer): Vault {
  const { prisma } = db;
  if (encryptionKey.length !== 32) throw new TenonError('internal', `The encryption key has ${encryptionKey.length} bytes; it must have 32.`);
  return {
    put: async (owner, secrets) => {
      const data = [...secrets].map(([id, text]) => ({ id, ownerKind: owner.kind, ownerId: owner.id, ...seal(encryptionKey, id, owner, text) }));
      if (data.length === 0) return;
      try {
        await prisma.secret.createMany({ data });
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'P2002') {
          throw new TenonError('internal', 'The vault has a secret with one of these ids already.', {}, error);
        }
        throw error;
      }
    },
    open: async (id) => {
      const row = await prisma.secret.findUnique({ where: { id } });
      if (row === null) return null;
      return unseal(encryptionKey, id, `${row.ownerKind} ${row.ownerId}`, row);
    },
    drop: async (owner) => {
      await prisma.secret.deleteMany({ where: { ownerKind: owner.kind, ownerId: owner.id } });
    },
  };
}

type Bytes = Uint8Array<ArrayBuffer>;
interface Sealed {
  readonly nonce: Bytes;
  readonly tag: Bytes;
  readonly text: Bytes;
}

function seal(key: Buffer, id: string, owner: SecretOwner, text: string): Sealed {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(bound(id, `${owner.kind} ${owner.id}`));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return { nonce: new Uint8Array(nonce), tag: new Uint8Array(cipher.getAuthTag()), text: new Uint8Array(sealed) };
}

function unseal(key: Buffer, id: string, owner: string, row: Sealed): string {
  const decipher = createDecipheriv('aes-256-gcm', key, row.nonce);
  decipher.setAAD(bound(id, owner));
  decipher.setAuthTag(row.tag);
  try {
    return Buffer.concat([decipher.update(row.text), decipher.final()]).toString('utf8');
  } catch (error) {
    throw new TenonError(
      'internal',
      `The secret ${id} cannot be opened with this encryption key.`,
      { hint: 'Start Tenon with the TENON_ENCRYPTION_KEY (or the key file in the data directory) under which it was stored.' },
      error,
    );
  }
}

function bound(id: string, owner: string): Buffer {
  return Buffer.from(JSON.stringify([id, owner]));
}
