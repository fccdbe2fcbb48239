export * from './fake-backend.ts';
export * from './fake-driver.ts';
export * from './fake-plan.ts';
