export type { ProcessDriverOptions } from './config.ts';
export { processDriver } from './driver.ts';
export type { ProcessPlan } from './planner.ts';
