import type { Phase } from './phases.ts';

/**
 * How the hook names of OpenShell's VM reference driver map to phases (OpenShell issue 1915 and its VM driver).
 * `when` says which situation of the reference a row stands for, where one of its hooks serves several.
 */
export interface VmNameRow {
  readonly reference: string;
  readonly when: string;
  readonly phase: Phase;
}

export const VM_NAMES = [
  { reference: 'configure_launch', when: 'before a launch plan is final', phase: 'prepare_plan' },
  { reference: 'before_launch', when: 'the launcher is about to be spawned', phase: 'before_start' },
  { reference: 'after_launch_failed', when: 'the failed launch belongs to a create', phase: 'on_create_failed' },
  { reference: 'after_launch_failed', when: 'the failed launch belongs to a start', phase: 'on_start_failed' },
  { reference: 'after_launch_failed', when: 'abort reason ProcessExited', phase: 'after_exit' },
  { reference: 'after_launch_failed', when: 'abort reason Stopped', phase: 'after_stop' },
  { reference: 'after_delete', when: 'the sandbox is gone', phase: 'after_delete' },
  { reference: 'before_restore', when: 'a lost VM is relaunched', phase: 'before_restore' },
  { reference: 'after_restore', when: 'a relaunched VM is up', phase: 'after_restore' },
  { reference: 'before_restore', when: 'a stopped VM is started (recorded difference)', phase: 'before_start' },
  { reference: 'after_restore', when: 'a stopped VM was started (recorded difference)', phase: 'after_ready' },
] as const satisfies readonly VmNameRow[];
