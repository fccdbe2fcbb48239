/** Whose life a secret shares: it dies with its owner. */
export type SecretOwner =
  | { readonly kind: 'sandbox'; readonly id: string }
  | { readonly kind: 'run'; readonly id: string }
  | { readonly kind: 'revision'; readonly id: string };

/** The secrets' table: the only place where a secret stands, AES-256-GCM. */
export interface Vault {
  /** Keeps the values under ids chosen by the caller (UUID v7), all or none. */
  put(owner: SecretOwner, secrets: ReadonlyMap<string, string>): Promise<void>;
  /** The plain text, or null where the row is gone. */
  open(id: string): Promise<string | null>;
  /** Forgets everything of this owner. */
  drop(owner: SecretOwner): Promise<void>;
}
