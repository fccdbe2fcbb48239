export { Changes, RefusedChange } from './change/change.tsx';
export type { PlanContext } from './plan-context.ts';
export { PlanViews } from './plan-views.tsx';
