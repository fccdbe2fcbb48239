import type { DriverCapabilities } from '@tenon/lifecycle';
import { PHASE_NAMES } from '@tenon/vocabulary';

/** What a process on this machine can be asked for. It is not isolated from it, and says so. */
export const PROCESS_CAPABILITIES: DriverCapabilities = {
  operations: ['create', 'start', 'stop', 'delete', 'reconcile', 'preview'],
  // A lost process is never relaunched: an exit is final.
  phases: PHASE_NAMES.filter((phase) => phase !== 'before_restore' && phase !== 'after_restore'),
  features: ['files', 'limits'],
  limits: { nofileMax: 1_048_576 },
  services: ['exec', 'tcp_probe'],
  isolation: 'none',
  version: `process on ${process.platform}`,
};
