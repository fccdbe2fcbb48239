import type { MatrixCellView } from '@tenon/contract';
import { describe, expect, it } from 'vitest';
import { matrixOf, requiredOf } from './matrix-model.ts';

const cell = (driver: string, kind: MatrixCellView['kind'], name: string, state: MatrixCellView['state'] = 'supported'): MatrixCellView => ({
  driver,
  extension: 'gate',
  revision: '1.0.0',
  kind,
  name,
  state,
  reason: 'r',
  reportedBy: driver,
  neededBy: [],
  remedy: null,
  checkedAt: '2026-11-24T10:00:00.000Z',
});

describe('matrixOf', () => {
  const required = requiredOf([
    { phase: 'prepare_plan', required: true, points: ['*.env'], features: [] },
    { phase: 'after_exit', required: false, points: [], features: ['exec'] },
  ]);
  const matrix = matrixOf(
    [
      cell('docker', 'feature', 'exec', 'no_op'),
      cell('docker', 'phase', 'after_exit'),
      cell('docker', 'phase', 'prepare_plan'),
      cell('process', 'phase', 'prepare_plan'),
      cell('process', 'point', '*.env', 'refused'),
    ],
    ['docker', 'process', 'podman'],
    required,
  );
  it('orders phases by a sandbox life, then points, then features', () => {
    expect(matrix.groups.map((group) => [group.kind, group.rows.map((row) => `${row.name}: ${row.need}`)])).toEqual([
      ['phase', ['prepare_plan: required', 'after_exit: if present']],
      ['point', ['*.env: required']],
      ['feature', ['exec: if present']],
    ]);
  });
  it('sums a driver up by the worst that it has', () => {
    expect(matrix.drivers.map(({ name, state }) => `${name} ${state}`)).toEqual(['docker no_op', 'process refused', 'podman supported']);
  });
});
