export { DriverPage } from './driver-page.tsx';
export { DriversPage } from './drivers-page.tsx';
export { CapabilityMatrix } from './extension-matrix.tsx';
