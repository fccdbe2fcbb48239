import type { RunSummaryView } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { groupFailures, perHour } from './failure-groups.ts';

const from = Date.parse('2026-11-24T00:00:00.000Z');
const run = (
  id: string,
  hour: number,
  code: NonNullable<RunSummaryView['firstError']>['code'],
  extension: string | null,
  driver = 'docker',
): RunSummaryView => ({
  id,
  sandboxId: id,
  sandboxName: id,
  workspace: 'team-a',
  driver,
  operation: 'create',
  status: 'failed',
  waitingFor: null,
  force: false,
  reason: null,
  actor: 'x',
  requestId: 'r',
  startedAt: new Date(from + hour * 3_600_000).toISOString(),
  endedAt: null,
  firstError: { code, message: `${code} in ${id}`, extension, phase: 'after_ready', attemptId: null },
  traceId: 't',
  attemptCount: 1,
});

describe('groupFailures', () => {
  it('groups by cause, the largest first, and keeps the newest of each', () => {
    const groups = groupFailures(
      [run('a', 1, 'hook_timed_out', 'gate'), run('b', 3, 'hook_timed_out', 'gate', 'process'), run('c', 2, 'driver_failed', null)],
      from,
      24,
    );
    expect(groups.map((group) => [group.code, group.count, group.last.id, group.drivers.join()])).toEqual([
      ['hook_timed_out', 2, 'b', 'docker,process'],
      ['driver_failed', 1, 'c', 'docker'],
    ]);
  });
  it('counts per hour and loses none at the edge', () => {
    expect(perHour([run('a', 0, 'internal', null), run('b', 2.5, 'internal', null), run('c', 9, 'internal', null)], from, 4)).toEqual([1, 0, 1, 1]);
  });
});
