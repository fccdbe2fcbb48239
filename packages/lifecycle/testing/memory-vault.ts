import { TenonError } from '../src/errors.ts';
import type { SecretOwner, Vault } from '../src/ports/vault.ts';

/** Secrets in memory, in plain text: for tests only. */
export class MemoryVault implements Vault {
  private readonly rows = new Map<string, { readonly owner: string; readonly text: string }>();

  async put(owner: SecretOwner, secrets: ReadonlyMap<string, string>): Promise<void> {
    for (const id of secrets.keys()) if (this.rows.has(id)) throw new TenonError('internal', `The vault has a secret ${id} already.`);
    for (const [id, text] of secrets) this.rows.set(id, { owner: placeOf(owner), text });
  }

  async open(id: string): Promise<string | null> {
    return this.rows.get(id)?.text ?? null;
  }

  async drop(owner: SecretOwner): Promise<void> {
    for (const [id, row] of [...this.rows]) if (row.owner === placeOf(owner)) this.rows.delete(id);
  }
}

function placeOf(owner: SecretOwner): string {
  return `${owner.kind} ${owner.id}`;
}
