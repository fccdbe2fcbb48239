export * from './error-codes.ts';
export * from './limits.ts';
export * from './names.ts';
export * from './phases.ts';
export * from './states.ts';
export * from './vm-names.ts';
