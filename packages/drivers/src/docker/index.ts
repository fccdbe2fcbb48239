export type { DockerDriverOptions } from './config.ts';
export { detectDocker } from './detect.ts';
export { dockerDriver } from './driver.ts';
export type { DockerMount, DockerNetwork, DockerPlan } from './planner.ts';
