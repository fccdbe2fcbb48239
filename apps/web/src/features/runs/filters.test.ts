import { createLoader, createSerializer } from 'nuqs/server';
import { describe, expect, it } from 'vitest';
import { definedOnly, runFilters, runView } from './filters.ts';

describe('the address of the runs', () => {
  it('holds filters and gives them back', async () => {
    const filters = {
      status: ['failed', 'failed_with_debt'],
      operation: 'create',
      driver: 'docker',
      workspace: 'team-a',
      extension: null,
      phase: 'after_ready',
      code: 'hook_timed_out',
      sandboxId: null,
    } as const;
    const address = createSerializer(runFilters)('/runs', { ...filters, status: [...filters.status] });
    expect(address).toBe('/runs?status=failed,failed_with_debt&operation=create&driver=docker&workspace=team-a&phase=after_ready&code=hook_timed_out');
    expect(createLoader(runFilters)(new URL(address, 'http://tenon').searchParams)).toEqual(filters);
  });

  it('drops what it does not know instead of asking the API for it', () => {
    expect(createLoader(runFilters)(new URLSearchParams('status=exploded&operation=fly&code=nope'))).toMatchObject({ status: [], operation: null, code: null });
  });

  it('restores attempt, zoom, folds and filter of a run, and is short where nothing was changed', () => {
    const view = { attempt: '01a20da6-47c6', zoom: 'unwinding', q: 'timed out', fold: ['r5', 'r5.gate'], critical: false } as const;
    const address = createSerializer(runView)('/runs/x', { ...view, fold: [...view.fold] });
    expect(createLoader(runView)(new URL(address, 'http://tenon').searchParams)).toEqual(view);
    expect(createSerializer(runView)('/runs/x', { attempt: null, zoom: 'all', q: '', fold: [], critical: true })).toBe('/runs/x');
  });
});

describe('definedOnly', () => {
  it('leaves out what is not set', () => {
    expect(definedOnly({ status: [], driver: null, workspace: '', operation: 'stop' })).toEqual({ operation: 'stop' });
  });
});
