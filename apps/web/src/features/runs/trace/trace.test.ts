import type { AttemptView, EffectView } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { criticalPath } from './critical.ts';
import { unfoldTo, visibleRows } from './rows.ts';
import { placeIn, ticksOf, tickText, windowOf } from './scale.ts';
import { buildTrace, landingRow } from './tree.ts';

const t0 = Date.parse('2026-11-24T13:02:03.000Z');
let seq = 0;

function attempt(part: Partial<AttemptView> & { readonly at?: number }): AttemptView {
  seq += 1;
  const { at = seq * 10, ...rest } = part;
  return {
    id: `a${seq}`,
    runId: 'run',
    parentId: null,
    kind: 'hook',
    phase: 'prepare_plan',
    extension: 'policy',
    revision: '1.0.0',
    seq,
    number: 1,
    outcome: 'ok',
    reason: null,
    message: null,
    error: null,
    startedAt: new Date(t0 + at).toISOString(),
    durationMs: 5,
    changes: [],
    changeCount: 0,
    effects: [],
    wouldBeEffects: [],
    warnings: [],
    logs: [],
    compensates: null,
    spanId: 's',
    ...rest,
  };
}

function effect(id: string, part: Partial<EffectView>): EffectView {
  return {
    id,
    kind: 'ip_lease',
    key: '10.30.0.17',
    handle: null,
    state: 'released',
    scope: 'sandbox',
    extension: 'network',
    phase: 'before_create',
    sandboxId: 'sb',
    runId: 'run',
    attemptId: null,
    attempts: 1,
    lastError: null,
    nextRetryAt: null,
    createdAt: new Date(t0).toISOString(),
    releasedAt: null,
    waivedReason: null,
    ...part,
  };
}

/** A create whose readiness gate times out twice; the address cannot be given back. */
function failedCreate() {
  seq = 0;
  const attempts = [
    attempt({ phase: 'validate_request' }), // a1
    attempt({ phase: 'prepare_plan', outcome: 'changed' }), // a2
    attempt({ phase: 'before_create', extension: 'network', outcome: 'changed', effects: ['lease', 'net'] }), // a3
    attempt({ kind: 'driver', phase: null, extension: null, revision: null, message: 'create', effects: ['box'] }), // a4
    attempt({ phase: 'after_ready', extension: 'gate', outcome: 'timed_out', at: 100, durationMs: 400 }), // a5
    attempt({
      phase: 'after_ready',
      extension: 'gate',
      number: 2,
      outcome: 'timed_out',
      at: 600,
      durationMs: 400,
      error: { code: 'hook_timed_out', message: 'no answer' },
    }), // a6
    attempt({ phase: 'after_ready', extension: 'policy', outcome: 'skipped', reason: 'not entered', at: 1000, durationMs: 0 }), // a7
    attempt({ phase: 'on_create_failed', extension: 'network', at: 1010 }), // a8
    attempt({ kind: 'driver', phase: null, extension: null, revision: null, message: 'delete', effects: ['box'], compensates: 'a4', at: 1020 }), // a9
    attempt({ kind: 'release', phase: null, extension: 'network', effects: ['net'], compensates: 'a3', at: 1030 }), // a10
    attempt({ kind: 'release', phase: null, extension: 'network', effects: ['lease'], compensates: 'a3', outcome: 'failed', at: 1040 }), // a11
  ];
  const run = {
    id: 'run',
    operation: 'create',
    startedAt: new Date(t0).toISOString(),
    endedAt: new Date(t0 + 1050).toISOString(),
    status: 'failed_with_debt',
    driver: 'docker',
    firstError: { code: 'hook_timed_out', message: 'no answer', extension: 'gate', phase: 'after_ready', attemptId: 'a6' },
    effects: [
      effect('lease', { state: 'owed', attemptId: 'a3' }),
      effect('net', { kind: 'network', key: 'tn', attemptId: 'a3' }),
      effect('box', { kind: 'driver_create', key: 'sb', extension: null, attemptId: 'a4' }),
    ],
  } as const;
  return buildTrace({ ...run, effects: [...run.effects] }, [...attempts].reverse());
}

describe('buildTrace', () => {
  const trace = failedCreate();

  it('lays phases, extensions and attempts out in the order in which they began, with unwinding apart', () => {
    expect(trace.roots.map((node) => `${node.kind} ${node.label}`)).toEqual([
      'phase validate_request',
      'phase prepare_plan',
      'phase before_create',
      'driver docker: create',
      'phase after_ready',
      'section Unwinding',
      'phase on_create_failed',
      'ledger Ledger, newest first',
    ]);
  });

  it('folds a single attempt into its extension and keeps several as its children', () => {
    const ready = trace.roots[4];
    expect(ready?.children.map((node) => [node.label, node.children.length, node.attempt?.id ?? null])).toEqual([
      ['gate', 2, null],
      ['policy', 0, 'a7'],
    ]);
    expect(trace.roots[1]?.children[0]?.attempt?.id).toBe('a2');
  });

  it('counts a retry as a retry, not as a failure of its own, and lets failures bubble up', () => {
    const gate = trace.roots[4]?.children[0];
    expect(gate?.children.map((node) => [node.retried, node.failed])).toEqual([
      [true, false],
      [false, true],
    ]);
    expect([gate?.failed, trace.roots[4]?.failed, trace.roots[1]?.failed]).toEqual([true, true, false]);
    expect(trace.failures).toEqual(['a6', 'a11']);
  });

  it('lands on the attempt that failed the run', () => {
    expect(landingRow(trace, 'a6')).toBe('a6');
    expect(landingRow(trace, null)).toBe('a6');
  });

  it('links what was made with what released it, both ways', () => {
    expect(Object.fromEntries(trace.makerOf)).toEqual({ lease: 'a3', net: 'a3', box: 'a4' });
    expect(Object.fromEntries(trace.releasesOf)).toEqual({ box: ['a9'], net: ['a10'], lease: ['a11'] });
    const ledger = trace.roots.at(-1);
    expect(ledger?.children.map((node) => [node.label, node.effect?.state])).toEqual([
      ['docker: delete', 'released'],
      ['network tn', 'released'],
      ['ip_lease 10.30.0.17', 'owed'],
    ]);
  });

  it('says when it began to undo', () => {
    expect(trace.unwindAt).toBe(1010);
  });

  it('keeps releases of a stop where they are', () => {
    seq = 0;
    const stop = buildTrace(
      {
        id: 'run',
        operation: 'stop',
        startedAt: new Date(t0).toISOString(),
        endedAt: null,
        status: 'running',
        driver: 'docker',
        firstError: null,
        effects: [],
      },
      [
        attempt({ phase: 'before_stop' }),
        attempt({ kind: 'driver', phase: null, extension: null, message: 'stop' }),
        attempt({ kind: 'release', phase: null, compensates: 'other-run' }),
      ],
    );
    expect(stop.roots.map((node) => `${node.kind} ${node.label}`)).toEqual(['phase before_stop', 'driver docker: stop', 'ledger Released']);
    expect(stop.unwindAt).toBeNull();
  });
});

describe('visibleRows', () => {
  const trace = failedCreate();
  const labels = (toggled: ReadonlySet<string>, filter = '') => visibleRows(trace, toggled, filter).map((row) => row.node.label);

  it('opens failures and changes, folds phases where nothing happened', () => {
    expect(labels(new Set())).toEqual([
      'validate_request',
      'prepare_plan',
      'policy',
      'before_create',
      'network',
      'docker: create',
      'after_ready',
      'gate',
      'Attempt 1',
      'Attempt 2',
      'policy',
      'Unwinding',
      'on_create_failed',
      'Ledger, newest first',
      'docker: delete',
      'network tn',
      'ip_lease 10.30.0.17',
    ]);
  });

  it('filters by name, outcome and error, with the rows that hold a hit', () => {
    expect(labels(new Set(), 'hook_timed_out')).toEqual(['after_ready', 'gate', 'Attempt 2', 'Unwinding']);
  });

  it('unfolds whatever holds a row', () => {
    const folded = new Set([trace.roots[4]?.id ?? '']);
    expect(labels(folded)).not.toContain('Attempt 2');
    expect(visibleRows(trace, unfoldTo(trace, 'a6', folded), '').map((row) => row.id)).toContain('a6');
    expect(visibleRows(trace, unfoldTo(trace, 'a8', new Set()), '').map((row) => row.id)).toContain('a8');
  });
});

describe('criticalPath', () => {
  it('is the chain that the time was spent in, and names who took most', () => {
    const path = criticalPath(failedCreate(), 1050);
    expect([...path.ids]).toContain('a6');
    expect([...path.ids]).not.toContain('a7');
    expect(path.most?.name).toBe('gate');
    expect(path.most?.share).toBeCloseTo(800 / 1050, 3);
  });
});

describe('scale', () => {
  it('zooms to setup and unwinding, and shows all where nothing was undone', () => {
    expect(windowOf('all', 1000, null)).toEqual({ from: 0, to: 1040 });
    expect(windowOf('setup', 1000, 800)).toEqual({ from: 0, to: 832 });
    expect(windowOf('unwinding', 1000, 800)).toEqual({ from: 800, to: 1008 });
    expect(windowOf('unwinding', 1000, null)).toEqual({ from: 0, to: 1040 });
    expect(windowOf('all', 0, null).to).toBeGreaterThan(0);
  });
  it('clips bars to the window and says where the others are', () => {
    const span = { from: 100, to: 200 };
    expect(placeIn(span, 150, 175)).toEqual({ left: 0.5, width: 0.25, off: null });
    expect(placeIn(span, 50, 150)).toEqual({ left: 0, width: 0.5, off: null });
    expect(placeIn(span, 0, 50).off).toBe('before');
    expect(placeIn(span, 300, 400).off).toBe('after');
  });
  it('has at most eight round ticks for any length', () => {
    for (const length of [3, 40, 999, 13_400, 61_000, 700_000, 9_000_000, 400_000_000]) {
      const ticks = ticksOf({ from: 0, to: length });
      expect(ticks.length).toBeGreaterThanOrEqual(2);
      expect(ticks.length).toBeLessThanOrEqual(8);
    }
    expect(ticksOf({ from: 0, to: 13_400 })).toEqual([0, 5000, 10_000]);
    expect([0, 250, 1500, 2000, 120_000, 90_000].map(tickText)).toEqual(['0 s', '250 ms', '1.5 s', '2 s', '2 min', '1 min 30 s']);
  });
});
