import { describe, expect, it } from 'vitest';
import { isPhase, OPERATIONS, PHASE_NAMES, phaseRow } from './phases.ts';

/** The table of the lifecycle design, section 2, written a second time on purpose: a change of a row must be meant. */
const TABLE = [
  // phase, operations, order, plan, effects, default on failure, idempotent
  ['validate_request', 'create preview', 'setup', 'read', false, 'fail', 'always'],
  ['prepare_plan', 'create preview start', 'setup', 'write', false, 'fail', 'always'],
  ['before_create', 'create', 'setup', 'late', true, 'fail', 'by_key'],
  ['after_create', 'create', 'setup', 'read', true, 'fail', 'by_key'],
  ['on_create_failed', 'create', 'reverse', 'read', false, 'record', 'always'],
  ['before_start', 'create start', 'setup', 'start', true, 'fail', 'by_key'],
  ['on_start_failed', 'create start', 'reverse', 'read', false, 'record', 'always'],
  ['after_ready', 'create start reconcile', 'setup', 'read', true, 'warn', 'by_key'],
  ['after_exit', 'reconcile', 'reverse', 'read', false, 'record', 'always'],
  ['before_stop', 'stop', 'reverse', 'read', false, 'warn', 'always'],
  ['after_stop', 'stop', 'reverse', 'read', false, 'record', 'always'],
  ['before_delete', 'delete', 'reverse', 'read', false, 'record', 'always'],
  ['after_delete', 'delete reconcile', 'reverse', 'read', false, 'record', 'always'],
  ['before_restore', 'reconcile', 'setup', 'read', true, 'fail', 'by_key'],
  ['after_restore', 'reconcile', 'setup', 'read', true, 'fail', 'by_key'],
  ['reconcile', 'reconcile', 'setup', 'read', true, 'warn', 'always'],
] as const;

describe('the catalogue of phases', () => {
  it.each(TABLE)('%s', (phase, operations, order, plan, effects, onFailure, idempotent) => {
    expect(phaseRow(phase)).toMatchObject({ operations: operations.split(' '), order, plan, effects, onFailure, idempotent });
  });

  it('holds these phases and no other', () => {
    expect([...PHASE_NAMES].sort()).toEqual(TABLE.map(([phase]) => phase).sort());
    for (const name of PHASE_NAMES) for (const operation of phaseRow(name).operations) expect(OPERATIONS).toContain(operation);
    expect(isPhase('toString')).toBe(false);
  });

  it('a deny is final in five phases', () => {
    expect(PHASE_NAMES.filter((phase) => phaseRow(phase).denies)).toEqual([
      'validate_request',
      'prepare_plan',
      'before_create',
      'before_start',
      'before_delete',
    ]);
  });

  it('told phases tell only: recorded, in reverse, without effects', () => {
    const told = PHASE_NAMES.filter((phase) => phaseRow(phase).told);
    expect(told).toEqual(['on_create_failed', 'on_start_failed', 'after_exit', 'after_stop', 'after_delete']);
    for (const phase of told) expect(phaseRow(phase)).toMatchObject({ order: 'reverse', effects: false, onFailure: 'record', warnable: 'none' });
  });

  it('effects belong to the start in before_start, after_ready and the restore phases, to the sandbox elsewhere', () => {
    expect(PHASE_NAMES.filter((phase) => phaseRow(phase).effects && phaseRow(phase).effectScope === 'start')).toEqual([
      'before_start',
      'after_ready',
      'before_restore',
      'after_restore',
    ]);
  });
});
