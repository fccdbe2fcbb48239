export { type Embedded, type EmbeddedOptions, startEmbedded } from './embedded.ts';
export { loadEncryptionKey } from './encryption-key.ts';
export { type OpenedStore, openStore, type StoreOptions } from './open-store.ts';
