import { describe, expect, it } from 'vitest';
import { PHASES, phaseRow } from './phases.ts';
import { VM_NAMES } from './vm-names.ts';

/** The mapping of OpenShell's VM hooks, row by row, as the lifecycle design states it. */
const EXPECTED = [
  ['configure_launch', 'before a launch plan is final', 'prepare_plan'],
  ['before_launch', 'the launcher is about to be spawned', 'before_start'],
  ['after_launch_failed', 'the failed launch belongs to a create', 'on_create_failed'],
  ['after_launch_failed', 'the failed launch belongs to a start', 'on_start_failed'],
  ['after_launch_failed', 'abort reason ProcessExited', 'after_exit'],
  ['after_launch_failed', 'abort reason Stopped', 'after_stop'],
  ['after_delete', 'the sandbox is gone', 'after_delete'],
  ['before_restore', 'a lost VM is relaunched', 'before_restore'],
  ['after_restore', 'a relaunched VM is up', 'after_restore'],
  ['before_restore', 'a stopped VM is started (recorded difference)', 'before_start'],
  ['after_restore', 'a stopped VM was started (recorded difference)', 'after_ready'],
] as const;

describe('VM hook names', () => {
  it.each(EXPECTED)('%s, %s, is %s', (reference, when, phase) => {
    expect(VM_NAMES.filter((row) => row.reference === reference && row.when === when).map((row) => row.phase)).toEqual([phase]);
  });

  it('has no other row, and every phase of it is in the catalogue', () => {
    expect(VM_NAMES).toHaveLength(EXPECTED.length);
    for (const row of VM_NAMES) expect(PHASES).toHaveProperty(row.phase);
  });

  it('a plan may be changed where configure_launch could, and environment where before_launch could', () => {
    expect(phaseRow('prepare_plan').plan).toBe('write');
    expect(phaseRow('before_start').plan).toBe('start');
  });
});
