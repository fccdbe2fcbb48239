export { type CallStore, type MemoryStoreOptions, memoryStore } from './call-store.ts';
export type { Hook, HookReply, Hooks, HookTools, Log } from './handle-hook.ts';
export { createHandler, type Handler, type HandlerOptions } from './handler.ts';
export { SIGNATURE_HEADER, type SignatureCheck, type SignatureVerdict, signAnswer, verifySignature } from './signature.ts';
export * from './wire.ts';
