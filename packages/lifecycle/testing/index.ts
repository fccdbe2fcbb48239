export * from './driver-conformance.ts';
export * from './fake-backend.ts';
export * from './fake-driver.ts';
export * from './fake-plan.ts';
export * from './memory-pools.ts';
export * from './memory-shared.ts';
export * from './memory-store.ts';
export * from './memory-vault.ts';
